#include "sql/statement.h"

#include <charconv>

#include "sql/result.h"
#include "sql/row_stream.h"
#include "sql/run.h"
#include "sql/text.h"
#include "sql/value.h"

namespace sql {
namespace {

class PreparedStatement final : public Statement {
 public:
  PreparedStatement(std::shared_ptr<DatabaseHandle> database,
                    std::shared_ptr<ConnectionHandle> connection, PreparedHandle handle,
                    StatementKind kind)
      : database_(std::move(database)),
        connection_(std::move(connection)),
        handle_(std::move(handle)),
        kind_(kind) {
    for (idx_t i = 1; i <= duckdb_nparams(handle_.get()); ++i) {
      const TypeHandle type(duckdb_param_logical_type(handle_.get(), i));
      types_.push_back(type ? type_tree(type.get()) : TypeTree{});
    }
  }

  StatementKind kind() const override { return kind_; }
  std::size_t parameters() const override { return types_.size(); }
  Kind parameter_kind(std::size_t index) const override { return types_[index].kind; }

  std::vector<ColumnInfo> columns() const override {
    std::vector<ColumnInfo> infos;
    for (idx_t i = 0; i < duckdb_prepared_statement_column_count(handle_.get()); ++i) {
      const char* name = duckdb_prepared_statement_column_name(handle_.get(), i);
      std::string text = name != nullptr ? name : "";
      duckdb_free(const_cast<char*>(name));
      const TypeHandle type(duckdb_prepared_statement_column_logical_type(handle_.get(), i));
      infos.push_back(column_info(std::move(text), type ? type_tree(type.get()) : TypeTree{}));
    }
    return infos;
  }

  base::Result<std::unique_ptr<Result>> run(
      const std::vector<std::optional<std::string>>& values) override {
    TRY(bind_all(values));
    auto result = TRY(
        result_of([&](duckdb_result* out) { return duckdb_execute_prepared(handle_.get(), out); }));
    return make_result(database_, std::move(result));
  }

  base::Result<std::unique_ptr<RowStream>> stream(
      const std::vector<std::optional<std::string>>& values) override {
    TRY(bind_all(values));
    return start_stream(database_, connection_, handle_.get());
  }

 private:
  base::Result<> bind_all(const std::vector<std::optional<std::string>>& values) {
    if (values.size() != types_.size()) {
      return base::fail(base::Code::kInvalid,
                        "the statement has {} parameters, {} values are given", types_.size(),
                        values.size());
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
      auto bound = bind(i + 1, types_[i], values[i]);
      if (!bound)
        return std::unexpected(std::move(bound).error().in(fmt::format("parameter ${}", i + 1)));
    }
    return {};
  }

  base::Result<> bound(duckdb_state state) const {
    if (state == DuckDBSuccess) return {};
    return fail_duckdb(base::Code::kInvalid, duckdb_prepare_error(handle_.get()));
  }

  base::Result<> bind(idx_t index, const TypeTree& type, const std::optional<std::string>& value) {
    if (!value) return bound(duckdb_bind_null(handle_.get(), index));
    switch (type.kind) {
      case Kind::kVarchar:
      case Kind::kEnum:
      case Kind::kList:
      case Kind::kStruct:
      case Kind::kMap:
      case Kind::kArray:
      case Kind::kUnion:
      case Kind::kBit:
      case Kind::kNull:
      case Kind::kOther:
        return bound(
            duckdb_bind_varchar_length(handle_.get(), index, value->data(), value->size()));
      case Kind::kInteger:
      case Kind::kBigInt: {
        std::int64_t number = 0;
        const char* end = value->data() + value->size();
        const auto read = std::from_chars(value->data(), end, number);
        if (read.ec != std::errc{} || read.ptr != end) break;
        if (type.kind == Kind::kBigInt)
          return bound(duckdb_bind_int64(handle_.get(), index, number));
        if (number < INT32_MIN || number > INT32_MAX) break;
        return bound(duckdb_bind_int32(handle_.get(), index, static_cast<std::int32_t>(number)));
      }
      default:
        break;
    }
    return bind_cast(index, type, *value);
  }

  // Lets DuckDB read the text as the parameter's type, and binds what it read.
  base::Result<> bind_cast(idx_t index, const TypeTree& type, const std::string& text) {
    PreparedHandle cast;
    const std::string sql = fmt::format("SELECT CAST($1::VARCHAR AS {})", type.sql);
    if (duckdb_prepare(connection_->get(), sql.c_str(), cast.out()) != DuckDBSuccess) {
      return fail_duckdb(base::Code::kInvalid, duckdb_prepare_error(cast.get()));
    }
    duckdb_bind_varchar_length(cast.get(), 1, text.data(), text.size());
    auto result = TRY(
        result_of([&](duckdb_result* out) { return duckdb_execute_prepared(cast.get(), out); }));
    const ChunkHandle chunk(duckdb_fetch_chunk(*result.get()));
    const VectorView view = vector_view(type, duckdb_data_chunk_get_vector(chunk.get(), 0));
    if (view.is_null(0)) return bound(duckdb_bind_null(handle_.get(), index));
    const ValueHandle value(make_value(type, view));
    return bound(duckdb_bind_value(handle_.get(), index, value.get()));
  }

  static duckdb_value make_value(const TypeTree& type, const VectorView& view) {
    switch (type.kind) {
      case Kind::kBoolean:
        return duckdb_create_bool(view.at<bool>(0));
      case Kind::kTinyInt:
        return duckdb_create_int8(view.at<std::int8_t>(0));
      case Kind::kSmallInt:
        return duckdb_create_int16(view.at<std::int16_t>(0));
      case Kind::kInteger:
        return duckdb_create_int32(view.at<std::int32_t>(0));
      case Kind::kBigInt:
        return duckdb_create_int64(view.at<std::int64_t>(0));
      case Kind::kUTinyInt:
        return duckdb_create_uint8(view.at<std::uint8_t>(0));
      case Kind::kUSmallInt:
        return duckdb_create_uint16(view.at<std::uint16_t>(0));
      case Kind::kUInteger:
        return duckdb_create_uint32(view.at<std::uint32_t>(0));
      case Kind::kUBigInt:
        return duckdb_create_uint64(view.at<std::uint64_t>(0));
      case Kind::kHugeInt:
        return duckdb_create_hugeint(view.at<duckdb_hugeint>(0));
      case Kind::kUHugeInt:
        return duckdb_create_uhugeint(view.at<duckdb_uhugeint>(0));
      case Kind::kFloat:
        return duckdb_create_float(view.at<float>(0));
      case Kind::kDouble:
        return duckdb_create_double(view.at<double>(0));
      case Kind::kDecimal: {
        const auto value = static_cast<UInt128>(to_int128(view, 0));
        return duckdb_create_decimal(
            {static_cast<std::uint8_t>(type.width),
             static_cast<std::uint8_t>(type.scale),
             {static_cast<std::uint64_t>(value), static_cast<std::int64_t>(value >> 64)}});
      }
      case Kind::kBlob: {
        const std::string_view bytes = view.text_at(0);
        return duckdb_create_blob(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                  bytes.size());
      }
      case Kind::kDate:
        return duckdb_create_date(view.at<duckdb_date>(0));
      case Kind::kTime:
        return duckdb_create_time(view.at<duckdb_time>(0));
      case Kind::kTimeTz:
        return duckdb_create_time_tz_value(view.at<duckdb_time_tz>(0));
      case Kind::kTimestamp:
        return duckdb_create_timestamp(view.at<duckdb_timestamp>(0));
      case Kind::kTimestampTz:
        return duckdb_create_timestamp_tz(view.at<duckdb_timestamp>(0));
      case Kind::kTimestampS:
        return duckdb_create_timestamp_s(view.at<duckdb_timestamp_s>(0));
      case Kind::kTimestampMs:
        return duckdb_create_timestamp_ms(view.at<duckdb_timestamp_ms>(0));
      case Kind::kTimestampNs:
        return duckdb_create_timestamp_ns(view.at<duckdb_timestamp_ns>(0));
      case Kind::kInterval:
        return duckdb_create_interval(view.at<duckdb_interval>(0));
      case Kind::kUuid: {
        const auto value = view.at<duckdb_hugeint>(0);
        return duckdb_create_uuid(
            {value.lower, static_cast<std::uint64_t>(value.upper) ^ (1ULL << 63)});
      }
      default:
        return duckdb_create_null_value();
    }
  }

  // In this order: the statement goes before its connection.
  std::shared_ptr<DatabaseHandle> database_;
  std::shared_ptr<ConnectionHandle> connection_;
  PreparedHandle handle_;
  StatementKind kind_;
  std::vector<TypeTree> types_;
};

}  // namespace

StatementKind kind_of(duckdb_statement_type type) {
  switch (type) {
    case DUCKDB_STATEMENT_TYPE_SELECT:
      return StatementKind::kSelect;
    case DUCKDB_STATEMENT_TYPE_INSERT:
      return StatementKind::kInsert;
    case DUCKDB_STATEMENT_TYPE_UPDATE:
      return StatementKind::kUpdate;
    case DUCKDB_STATEMENT_TYPE_DELETE:
      return StatementKind::kDelete;
    case DUCKDB_STATEMENT_TYPE_COPY:
    case DUCKDB_STATEMENT_TYPE_EXPORT:
      return StatementKind::kCopy;
    case DUCKDB_STATEMENT_TYPE_CREATE:
    case DUCKDB_STATEMENT_TYPE_CREATE_FUNC:
      return StatementKind::kCreate;
    case DUCKDB_STATEMENT_TYPE_DROP:
      return StatementKind::kDrop;
    case DUCKDB_STATEMENT_TYPE_ALTER:
      return StatementKind::kAlter;
    case DUCKDB_STATEMENT_TYPE_SET:
    case DUCKDB_STATEMENT_TYPE_VARIABLE_SET:
      return StatementKind::kSet;
    case DUCKDB_STATEMENT_TYPE_TRANSACTION:
      return StatementKind::kTransaction;
    case DUCKDB_STATEMENT_TYPE_EXPLAIN:
      return StatementKind::kExplain;
    case DUCKDB_STATEMENT_TYPE_PRAGMA:
      return StatementKind::kPragma;
    case DUCKDB_STATEMENT_TYPE_ATTACH:
    case DUCKDB_STATEMENT_TYPE_DETACH:
      return StatementKind::kAttach;
    case DUCKDB_STATEMENT_TYPE_LOAD:
    case DUCKDB_STATEMENT_TYPE_EXTENSION:
      return StatementKind::kLoad;
    case DUCKDB_STATEMENT_TYPE_CALL:
      return StatementKind::kCall;
    default:
      return StatementKind::kOther;
  }
}

base::Result<std::unique_ptr<Statement>> prepare_statement(
    std::shared_ptr<DatabaseHandle> database, std::shared_ptr<ConnectionHandle> connection,
    const std::string& sql) {
  PreparedHandle handle;
  if (duckdb_prepare(connection->get(), sql.c_str(), handle.out()) != DuckDBSuccess) {
    const char* message = duckdb_prepare_error(handle.get());
    return fail_duckdb(code_of_message(message != nullptr ? message : ""), message);
  }
  StatementKind kind = kind_of(duckdb_prepared_statement_type(handle.get()));
  if (kind == StatementKind::kSelect && kind_by_words(sql) == StatementKind::kPragma)
    kind = StatementKind::kPragma;
  if (kind == StatementKind::kExplain) {
    const auto inner = explained_kind(sql);
    if (inner && *inner != StatementKind::kSelect) kind = *inner;
  }
  return std::make_unique<PreparedStatement>(std::move(database), std::move(connection),
                                             std::move(handle), kind);
}

}  // namespace sql
