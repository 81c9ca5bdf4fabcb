#include "server/sql_streams.h"

#include <map>
#include <mutex>

namespace server {
namespace {

constexpr std::size_t kTreesMax = 100;
constexpr std::size_t kTreeTextBytesMax = 4096;

// One of DuckDB's connections, and whether rows are being taken from it.
struct Lane {
  std::unique_ptr<sql::Connection> connection;
  bool streaming = false;
};
using LanePtr = std::shared_ptr<Lane>;

// The lanes of one session: the one for the next statement, and which one works now.
class Lanes {
 public:
  Lanes(sql::Database& database, std::unique_ptr<sql::Connection> first)
      : database_(database), current_(std::make_shared<Lane>(std::move(first))) {}

  // A lane whose use ends no stream.
  base::Result<LanePtr> free() {
    if (!current_->streaming) return current_;
    auto fresh = std::make_shared<Lane>(TRY(database_.connect()));
    for (const auto& [what, sql] : set_up_) TRY(fresh->connection->execute(sql));
    current_ = fresh;
    return fresh;
  }

  // What a fresh lane needs to be as this one: USE, SET name = …, SET VARIABLE name = ….
  void remember(const std::string& sql) {
    if (sql.starts_with("USE ")) set_up_["0 use"] = sql;
    if (sql.starts_with("SET ")) set_up_[sql.substr(0, sql.find('='))] = sql;
  }

  // `call` as what interrupt() stops.
  template <class Call>
  auto work(const LanePtr& lane, Call call) {
    set_working(lane);
    auto result = call(*lane->connection);
    set_working(nullptr);
    return result;
  }

  void interrupt() {
    const std::scoped_lock lock(mutex_);
    if (working_) working_->connection->interrupt();
  }

 private:
  void set_working(LanePtr lane) {
    const std::scoped_lock lock(mutex_);
    working_ = std::move(lane);
  }

  sql::Database& database_;
  LanePtr current_;
  std::map<std::string, std::string> set_up_;
  std::mutex mutex_;
  LanePtr working_;
};
using LanesPtr = std::shared_ptr<Lanes>;

class LaneStream final : public sql::RowStream {
 public:
  LaneStream(LanesPtr lanes, LanePtr lane, std::unique_ptr<sql::RowStream> rows)
      : lanes_(std::move(lanes)), lane_(std::move(lane)), rows_(std::move(rows)) {
    lane_->streaming = true;
  }
  ~LaneStream() override { release(); }
  LaneStream(const LaneStream&) = delete;
  LaneStream& operator=(const LaneStream&) = delete;

  const std::vector<sql::ColumnInfo>& columns() const override { return rows_->columns(); }
  base::Result<bool> next() override {
    if (!lane_) return false;
    auto more = lanes_->work(lane_, [&](sql::Connection&) { return rows_->next(); });
    if (!more || !*more) release();
    return more;
  }
  std::size_t rows() const override { return rows_->rows(); }
  bool is_null(std::size_t column, std::size_t row) const override {
    return rows_->is_null(column, row);
  }
  void append_text(std::size_t column, std::size_t row, std::string& out) const override {
    rows_->append_text(column, row, out);
  }
  std::vector<std::optional<std::string>> elements(std::size_t column,
                                                   std::size_t row) const override {
    return rows_->elements(column, row);
  }
  std::int64_t int_at(std::size_t column, std::size_t row) const override {
    return rows_->int_at(column, row);
  }
  double double_at(std::size_t column, std::size_t row) const override {
    return rows_->double_at(column, row);
  }

 private:
  void release() {
    if (lane_) lane_->streaming = false;
    lane_.reset();
  }

  LanesPtr lanes_;
  LanePtr lane_;  // until the last row
  std::unique_ptr<sql::RowStream> rows_;
};

class LaneStatement final : public sql::Statement {
 public:
  LaneStatement(LanesPtr lanes, LanePtr lane, std::string sql,
                std::unique_ptr<sql::Statement> statement)
      : lanes_(std::move(lanes)),
        lane_(std::move(lane)),
        sql_(std::move(sql)),
        statement_(std::move(statement)) {}

  sql::StatementKind kind() const override { return statement_->kind(); }
  std::size_t parameters() const override { return statement_->parameters(); }
  sql::Kind parameter_kind(std::size_t index) const override {
    return statement_->parameter_kind(index);
  }
  std::vector<sql::ColumnInfo> columns() const override { return statement_->columns(); }

  base::Result<std::unique_ptr<sql::Result>> run(
      const std::vector<std::optional<std::string>>& values) override {
    TRY(leave_stream());
    return lanes_->work(lane_, [&](sql::Connection&) { return statement_->run(values); });
  }
  base::Result<std::unique_ptr<sql::RowStream>> stream(
      const std::vector<std::optional<std::string>>& values) override {
    TRY(leave_stream());
    auto rows =
        TRY(lanes_->work(lane_, [&](sql::Connection&) { return statement_->stream(values); }));
    return std::make_unique<LaneStream>(lanes_, lane_, std::move(rows));
  }

 private:
  // On a lane of its own when rows are being taken from the one that it was prepared on.
  base::Result<> leave_stream() {
    if (!lane_->streaming) return {};
    auto lane = TRY(lanes_->free());
    statement_ = TRY(lanes_->work(lane, [&](sql::Connection& on) { return on.prepare(sql_); }));
    lane_ = std::move(lane);
    return {};
  }

  LanesPtr lanes_;
  LanePtr lane_;
  const std::string sql_;
  std::unique_ptr<sql::Statement> statement_;
};

class StreamingConnection final : public sql::Connection {
 public:
  explicit StreamingConnection(LanesPtr lanes) : lanes_(std::move(lanes)) {}

  base::Result<std::unique_ptr<sql::Result>> query(const std::string& sql) override {
    auto result = TRY(on_free([&](sql::Connection& on) { return on.query(sql); }));
    lanes_->remember(sql);
    return result;
  }
  base::Result<std::unique_ptr<sql::RowStream>> stream(const std::string& sql) override {
    auto lane = TRY(lanes_->free());
    auto rows = TRY(lanes_->work(lane, [&](sql::Connection& on) { return on.stream(sql); }));
    return std::make_unique<LaneStream>(lanes_, std::move(lane), std::move(rows));
  }
  base::Result<std::unique_ptr<sql::Statement>> prepare(const std::string& sql) override {
    auto lane = TRY(lanes_->free());
    auto statement = TRY(lanes_->work(lane, [&](sql::Connection& on) { return on.prepare(sql); }));
    return std::make_unique<LaneStatement>(lanes_, std::move(lane), sql, std::move(statement));
  }
  base::Result<std::vector<Part>> split(const std::string& sql) override {
    return on_free([&](sql::Connection& on) { return on.split(sql); });
  }
  base::Result<> put(const std::string& table, const columns::Batch& batch) override {
    return on_free([&](sql::Connection& on) { return on.put(table, batch); });
  }
  base::Result<> share(const std::string& table,
                       std::shared_ptr<const columns::Batch> batch) override {
    return on_free([&](sql::Connection& on) { return on.share(table, std::move(batch)); });
  }
  base::Result<> append(const std::string& table, const columns::Batch& batch) override {
    return on_free([&](sql::Connection& on) { return on.append(table, batch); });
  }
  // A text's tree never changes, and clients ask the same again and again.
  base::Result<nlohmann::json> parse(const std::string& sql) override {
    if (const auto known = trees_.find(sql); known != trees_.end()) return known->second;
    auto tree = TRY(on_free([&](sql::Connection& on) { return on.parse(sql); }));
    if (sql.size() > kTreeTextBytesMax) return tree;
    if (trees_.size() >= kTreesMax) trees_.clear();
    trees_.emplace(sql, tree);
    return tree;
  }
  base::Result<std::string> print(const nlohmann::json& tree) override {
    return on_free([&](sql::Connection& on) { return on.print(tree); });
  }
  void interrupt() override { lanes_->interrupt(); }

 private:
  template <class Call>
  std::invoke_result_t<Call, sql::Connection&> on_free(Call call) {
    const auto lane = TRY(lanes_->free());
    return lanes_->work(lane, std::move(call));
  }

  LanesPtr lanes_;
  std::map<std::string, nlohmann::json> trees_;
};

}  // namespace

std::unique_ptr<sql::Connection> streaming_connection(sql::Database& database,
                                                      std::unique_ptr<sql::Connection> connection) {
  return std::make_unique<StreamingConnection>(
      std::make_shared<Lanes>(database, std::move(connection)));
}

}  // namespace server
