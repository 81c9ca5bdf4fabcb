#include "sql/connection.h"

#include <charconv>

#include "sql/chunk.h"
#include "sql/result.h"
#include "sql/run.h"
#include "sql/statement.h"
#include "sql/text.h"

namespace sql {
namespace {

class DuckConnection final : public Connection {
 public:
  DuckConnection(std::shared_ptr<DatabaseHandle> database, std::shared_ptr<SharedBatches> batches,
                 ConnectionHandle handle)
      : database_(std::move(database)),
        batches_(std::move(batches)),
        handle_(std::make_shared<ConnectionHandle>(std::move(handle))) {}
  ~DuckConnection() override {
    for (const auto& [name, id] : shared_) batches_->remove(id);
  }

  base::Result<std::unique_ptr<Result>> query(const std::string& sql) override {
    if (sql.find(';') != std::string::npos) return query_each(sql);
    auto result = TRY(result_of(
        [&](duckdb_result* out) { return duckdb_query(handle_->get(), sql.c_str(), out); }));
    return make_result(database_, std::move(result));
  }

  base::Result<std::unique_ptr<RowStream>> stream(const std::string& sql) override {
    return TRY(prepare(sql))->stream({});
  }

  base::Result<std::unique_ptr<Statement>> prepare(const std::string& sql) override {
    return prepare_statement(database_, handle_, sql);
  }

  base::Result<std::vector<Part>> split(const std::string& sql) override {
    ExtractedHandle extracted;
    if (duckdb_extract_statements(handle_->get(), sql.c_str(), extracted.out()) == 0) {
      const char* message = duckdb_extract_statements_error(extracted.get());
      if (message != nullptr) return fail_duckdb(code_of_message(message), message);
    }
    std::vector<Part> parts;
    for (std::string& text : split_statements(sql)) {
      // Binding may fail where the parser does not, for a table that a statement before it makes.
      const auto statement = prepare(text);
      const StatementKind kind = statement ? (*statement)->kind() : words_kind(text);
      parts.push_back({std::move(text), kind});
    }
    return parts;
  }

  base::Result<> put(const std::string& table, const columns::Batch& batch) override {
    TRY(unshare(table));
    return with_rows(batch, [&](const std::string& rows) {
      return execute(fmt::format("CREATE OR REPLACE TEMPORARY TABLE {} AS SELECT * FROM {}",
                                 quote_name(table), rows));
    });
  }

  base::Result<> share(const std::string& table,
                       std::shared_ptr<const columns::Batch> batch) override {
    TRY(check_texts(*batch));
    TRY(unshare(table));
    TRY(execute("DROP TABLE IF EXISTS temp.main." + quote_name(table)));
    const std::int64_t id = batches_->add(std::move(batch));
    auto made = execute(fmt::format("CREATE TEMPORARY VIEW {} AS SELECT * FROM waybill_batch({})",
                                    quote_name(table), id));
    if (made) {
      shared_[table] = id;
    } else {
      batches_->remove(id);
    }
    return made;
  }

  base::Result<> append(const std::string& table, const columns::Batch& batch) override {
    const std::size_t dot = table.find('.');
    const std::string name = dot == std::string::npos ? quote_name(table)
                                                      : quote_name(table.substr(0, dot)) + "." +
                                                            quote_name(table.substr(dot + 1));
    return with_rows(batch, [&](const std::string& rows) {
      return execute(fmt::format("INSERT INTO {} SELECT * FROM {}", name, rows));
    });
  }

  base::Result<nlohmann::json> parse(const std::string& sql) override {
    const std::string text =
        TRY(call_with_text("SELECT json_serialize_sql($1::VARCHAR)::VARCHAR", sql));
    nlohmann::json tree = nlohmann::json::parse(text, nullptr, false);
    if (tree.is_discarded())
      return base::fail(base::Code::kCorrupt, "DuckDB's syntax tree is not JSON");
    if (!tree.value("error", false)) return tree;
    base::Error error{.code = base::Code::kInvalid,
                      .message = tree.value("error_message", "not SQL")};
    std::size_t position = 0;
    const std::string where = tree.value("position", "");
    const auto read = std::from_chars(where.data(), where.data() + where.size(), position);
    error.line = where.empty() || read.ec != std::errc{} ? 1 : line_of(sql, position);
    return std::unexpected(std::move(error));
  }

  base::Result<std::string> print(const nlohmann::json& tree) override {
    return call_with_text("SELECT json_deserialize_sql($1::JSON)", tree.dump());
  }

  void interrupt() override { duckdb_interrupt(handle_->get()); }

 private:
  // Calls `use` with the table function that reads the batch.
  template <class Use>
  base::Result<> with_rows(const columns::Batch& batch, Use use) {
    TRY(check_texts(batch));
    const std::int64_t id = batches_->add({std::shared_ptr<void>(), &batch});
    auto used = use(fmt::format("waybill_batch({})", id));
    batches_->remove(id);
    return used;
  }

  // Drops the view of that name, if share() made one.
  base::Result<> unshare(const std::string& table) {
    const auto it = shared_.find(table);
    if (it == shared_.end()) return {};
    TRY(execute("DROP VIEW IF EXISTS temp.main." + quote_name(table)));
    batches_->remove(it->second);
    shared_.erase(it);
    return {};
  }

  static StatementKind words_kind(std::string_view text) {
    const StatementKind kind = kind_by_words(text);
    if (kind != StatementKind::kExplain) return kind;
    const StatementKind inner = explained_kind(text).value_or(StatementKind::kOther);
    return inner == StatementKind::kSelect ? StatementKind::kExplain : inner;
  }

  // duckdb_query would give the first result; here the last one counts.
  base::Result<std::unique_ptr<Result>> query_each(const std::string& sql) {
    ExtractedHandle extracted;
    const idx_t count = duckdb_extract_statements(handle_->get(), sql.c_str(), extracted.out());
    if (const char* message = duckdb_extract_statements_error(extracted.get())) {
      return fail_duckdb(code_of_message(message), message);
    }
    if (count == 0) return base::fail(base::Code::kInvalid, "no statement in the SQL text");
    ResultHandle last;
    for (idx_t i = 0; i < count; ++i) {
      PreparedHandle statement;
      if (duckdb_prepare_extracted_statement(handle_->get(), extracted.get(), i, statement.out()) !=
          DuckDBSuccess) {
        const char* message = duckdb_prepare_error(statement.get());
        return fail_duckdb(code_of_message(message != nullptr ? message : ""), message);
      }
      last = TRY(result_of(
          [&](duckdb_result* out) { return duckdb_execute_prepared(statement.get(), out); }));
    }
    return make_result(database_, std::move(last));
  }

  base::Result<std::string> call_with_text(const std::string& sql, const std::string& text) {
    const auto statement = TRY(prepare(sql));
    const auto result = TRY(statement->run({text}));
    return result->text(0, 0);
  }

  std::shared_ptr<DatabaseHandle> database_;
  std::shared_ptr<SharedBatches> batches_;
  std::shared_ptr<ConnectionHandle> handle_;
  std::map<std::string, std::int64_t> shared_;  // views that share() made, and their batches
};

}  // namespace

std::unique_ptr<Connection> make_connection(std::shared_ptr<DatabaseHandle> database,
                                            std::shared_ptr<SharedBatches> batches,
                                            ConnectionHandle handle) {
  return std::make_unique<DuckConnection>(std::move(database), std::move(batches),
                                          std::move(handle));
}

base::Result<> Connection::execute(const std::string& sql) {
  TRY(query(sql));
  return {};
}

}  // namespace sql
