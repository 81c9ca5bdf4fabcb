#include <gtest/gtest.h>

#include <random>

#include "protocol/postgres/session.h"
#include "protocol/postgres/types.h"

namespace protocol::postgres {
namespace {

// An engine whose query "rows N" has the rows 0 to N - 1, "values $1" its parameter, and "fail"
// fails.
class CountingRows final : public Rows {
 public:
  explicit CountingRows(std::vector<std::string> values) : values_(std::move(values)) {
    columns_.push_back({.name = "n", .type = oid::kText});
  }
  const std::vector<ColumnDescription>& columns() const override { return columns_; }
  Answer<std::size_t> fetch(std::size_t rows_max, std::size_t bytes_max, const std::vector<Format>&,
                            std::string& out) override {
    std::size_t count = 0;
    for (; count < rows_max && !done() && out.size() < bytes_max; ++count) {
      const MessageScope message(out, 'D');
      append_u16(out, 1);
      append_value(out, values_[next_++]);
    }
    return count;
  }
  bool done() const override { return next_ == values_.size(); }

 private:
  std::vector<ColumnDescription> columns_;
  std::vector<std::string> values_;
  std::size_t next_ = 0;
};

Answer<std::unique_ptr<Rows>> rows_of(const std::string& sql,
                                      const std::vector<std::optional<std::string>>& values) {
  if (sql.starts_with("fail")) {
    return std::unexpected(
        ErrorFields{.sqlstate = "22012", .message = "division by zero", .position = 2});
  }
  if (sql.starts_with("values"))
    return std::make_unique<CountingRows>(std::vector{values[0].value_or("null")});
  std::vector<std::string> numbers;
  for (int i = 0; i < std::stoi(sql.substr(5)); ++i) numbers.push_back(std::to_string(i));
  return std::make_unique<CountingRows>(std::move(numbers));
}

class CountingPrepared final : public Prepared {
 public:
  explicit CountingPrepared(std::string sql) : sql_(std::move(sql)) {
    if (sql_.starts_with("values")) types_.push_back(oid::kInt4);
    columns_.push_back({.name = "n", .type = oid::kText});
  }
  const std::vector<Oid>& parameter_types() const override { return types_; }
  const std::vector<ColumnDescription>& columns() const override { return columns_; }
  Answer<std::unique_ptr<Rows>> run(const std::vector<std::optional<std::string>>& values,
                                    const FirstFetch&) override {
    return rows_of(sql_, values);
  }

 private:
  std::string sql_;
  std::vector<Oid> types_;
  std::vector<ColumnDescription> columns_;
};

class CountingEngine final : public Engine {
 public:
  Answer<std::unique_ptr<Rows>> query(const std::string& sql, const FirstFetch&) override {
    return rows_of(sql, {});
  }
  Answer<std::unique_ptr<Prepared>> prepare(const std::string& sql,
                                            const std::vector<Oid>&) override {
    return std::make_unique<CountingPrepared>(sql);
  }
  Answer<> apply(const Settings&) override { return {}; }
  bool cancel(std::int32_t process_id) override { return process_id == 7; }
};

// A client that writes messages and reads answers as one line: "T D(0) D(1) C(SELECT 2) Z(I)".
class Client {
 public:
  Client()
      : session_(
            [](const Startup&) -> Answer<std::unique_ptr<Engine>> {
              return std::make_unique<CountingEngine>();
            },
            {7, 9}) {}

  std::string start(const std::string& parameters = std::string("user\0u\0", 7)) {
    std::string bytes;
    append_u32(bytes, static_cast<std::uint32_t>(9 + parameters.size()));
    append_u32(bytes, 3 << 16);
    return raw(bytes + parameters + '\0');
  }
  Client& query(const std::string& sql) { return add('Q', sql + '\0'); }
  Client& parse(const std::string& name, const std::string& sql) {
    std::string body = name + '\0' + sql + '\0';
    append_u16(body, 0);
    return add('P', body);
  }
  Client& bind(const std::string& portal, const std::string& statement,
               const std::vector<std::string>& values = {}) {
    std::string body = portal + '\0' + statement + '\0';
    append_u16(body, 0);
    append_u16(body, static_cast<std::uint16_t>(values.size()));
    for (const auto& value : values) append_value(body, value);
    append_u16(body, 0);
    return add('B', body);
  }
  Client& describe(char target, const std::string& name) { return add('D', target + name + '\0'); }
  Client& execute(const std::string& portal, std::uint32_t rows_max = 0) {
    std::string body = portal + '\0';
    append_u32(body, rows_max);
    return add('E', body);
  }
  Client& close(char target, const std::string& name) { return add('C', target + name + '\0'); }
  Client& sync() { return add('S', ""); }
  Client& add(char type, const std::string& body) {
    bytes_.push_back(type);
    append_u32(bytes_, static_cast<std::uint32_t>(body.size() + 4));
    bytes_ += body;
    return *this;
  }
  std::string answers() { return raw(std::exchange(bytes_, {})); }

  std::string raw(const std::string& bytes) {
    session_.feed(bytes);
    std::string all;
    while (true) {
      std::string out;
      next_ = session_.step(out);
      largest_ = std::max(largest_, out.size());
      all += out;
      if (next_ != Session::Next::kMore) return read(all);
    }
  }
  Session& session() { return session_; }
  Session::Next next() const { return next_; }
  std::size_t largest() const { return largest_; }

  static std::string read(std::string_view bytes) {
    std::string line;
    while (!bytes.empty()) {
      const char type = bytes[0];
      if (!line.empty()) line.push_back(' ');
      line.push_back(type);
      if (bytes.size() < 5) return line;
      std::size_t size = 0;
      for (std::size_t i = 1; i < 5; ++i) size = size << 8 | static_cast<unsigned char>(bytes[i]);
      const auto body = bytes.substr(5, size - 4);
      bytes.remove_prefix(size + 1);
      if (type == 'Z') line += fmt::format("({})", body);
      if (type == 'C') line += fmt::format("({})", body.substr(0, body.size() - 1));
      if (type == 'D') line += fmt::format("({})", body.substr(6));
      if (type == 'E' || type == 'N') {  // its SQLSTATE
        line += fmt::format("({})", body.substr(body.find(std::string_view("\0C", 2)) + 2, 5));
      }
    }
    return line;
  }

 private:
  Session session_;
  std::string bytes_;
  Session::Next next_ = Session::Next::kNeedInput;
  std::size_t largest_ = 0;
};

Client started() {
  Client client;
  client.start();
  return client;
}

TEST(PostgresSession, StartsWithItsSettingsAndKey) {
  Client client;
  EXPECT_EQ(client.start(), "R S S S S S S S S S S S S S K Z(I)");
  EXPECT_TRUE(client.session().started());
}

TEST(PostgresSession, DeclinesEncryptionAndGoesOnInTheClear) {
  Client client;
  EXPECT_EQ(client.raw(std::string("\0\0\0\x08\x04\xd2\x16\x2f", 8)), "N");
  EXPECT_TRUE(client.start().ends_with("Z(I)"));
}

TEST(PostgresSession, RefusesStartUpsThatItCannotServe) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {std::string("database\0d\0", 11), "E(28000)"},
      {std::string("user\0u\0replication\0true\0", 24), "E(0A000)"},
      {std::string("user\0u\0client_encoding\0LATIN1\0", 30), "E(22023)"},
      {std::string("user\0u\0nonsense\0x\0", 18), "E(42704)"},
  };
  for (const auto& [parameters, want] : cases) {
    Client client;
    EXPECT_EQ(client.start(parameters), want);
    EXPECT_EQ(client.next(), Session::Next::kClose);
  }
}

TEST(PostgresSession, HandsACancelRequestOut) {
  Client client;
  EXPECT_EQ(client.raw(std::string("\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x07\0\0\0\x09", 16)), "");
  ASSERT_TRUE(client.session().cancel_request().has_value());
  EXPECT_EQ(client.session().cancel_request()->process_id, 7);
  EXPECT_EQ(client.next(), Session::Next::kClose);
}

struct Script {
  const char* name;
  std::function<void(Client&)> send;
  const char* want;
};

TEST(PostgresSession, AnswersSimpleQueries) {
  const std::vector<Script> cases = {
      {"rows", [](Client& c) { c.query("rows 2"); }, "T D(0) D(1) C(SELECT 2) Z(I)"},
      {"no rows", [](Client& c) { c.query("rows 0"); }, "T C(SELECT 0) Z(I)"},
      {"nothing", [](Client& c) { c.query(" ; -- x"); }, "I Z(I)"},
      {"several", [](Client& c) { c.query("rows 1; rows 1"); },
       "T D(0) C(SELECT 1) T D(0) C(SELECT 1) Z(I)"},
      {"an error drops the rest", [](Client& c) { c.query("rows 1; fail; rows 1"); },
       "T D(0) C(SELECT 1) E(22012) Z(I)"},
      {"a transaction", [](Client& c) { c.query("BEGIN").query("rows 1").query("COMMIT"); },
       "C(BEGIN) Z(T) T D(0) C(SELECT 1) Z(T) C(COMMIT) Z(I)"},
      {"a failed transaction",
       [](Client& c) {
         c.query("BEGIN").query("fail").query("rows 1").query("COMMIT").query("rows 1");
       },
       "C(BEGIN) Z(T) E(22012) Z(E) E(25P02) Z(E) C(ROLLBACK) Z(I) T D(0) C(SELECT 1) Z(I)"},
      {"a savepoint",
       [](Client& c) {
         c.query("BEGIN; SAVEPOINT a")
             .query("fail")
             .query("ROLLBACK TO a")
             .query("RELEASE a; COMMIT");
       },
       "C(BEGIN) C(SAVEPOINT) Z(T) E(22012) Z(E) C(ROLLBACK) Z(T) C(RELEASE) C(COMMIT) Z(I)"},
      {"COMMIT of nothing", [](Client& c) { c.query("COMMIT"); }, "N(25P01) C(COMMIT) Z(I)"},
      {"SET and SHOW",
       [](Client& c) { c.query("SET application_name = 'a b'; SHOW application_name"); },
       "S C(SET) T D(a b) C(SHOW) Z(I)"},
      {"SET goes with its transaction",
       [](Client& c) {
         c.query("BEGIN; SET extra_float_digits = 3; ROLLBACK; SHOW extra_float_digits");
       },
       "C(BEGIN) C(SET) C(ROLLBACK) T D(1) C(SHOW) Z(I)"},
      {"SET LOCAL ends with it",
       [](Client& c) {
         c.query("BEGIN; SET LOCAL work_mem = '8MB'; SHOW work_mem; COMMIT; SHOW work_mem");
       },
       "C(BEGIN) C(SET) T D(8MB) C(SHOW) C(COMMIT) T D(4MB) C(SHOW) Z(I)"},
      {"set_config",
       [](Client& c) { c.query("SELECT pg_catalog.set_config('search_path', '', false)"); },
       "T D() C(SELECT 1) Z(I)"},
      {"a setting that is fixed", [](Client& c) { c.query("SET server_version = '9'"); },
       "E(55P02) Z(I)"},
      {"a cursor",
       [](Client& c) {
         c.query(
             "BEGIN; DECLARE x CURSOR FOR rows 4; FETCH 2 FROM x; MOVE x; FETCH ALL x; CLOSE x; "
             "COMMIT");
       },
       "C(BEGIN) C(DECLARE CURSOR) T D(0) D(1) C(FETCH 2) C(MOVE 1) T D(3) C(FETCH 1) C(CLOSE "
       "CURSOR) C(COMMIT) Z(I)"},
      {"a cursor ends with its transaction",
       [](Client& c) { c.query("BEGIN; DECLARE x CURSOR FOR rows 4; COMMIT").query("FETCH x"); },
       "C(BEGIN) C(DECLARE CURSOR) C(COMMIT) Z(I) E(34000) Z(I)"},
      {"a held cursor does not",
       [](Client& c) { c.query("DECLARE x CURSOR WITH HOLD FOR rows 4").query("FETCH x"); },
       "C(DECLARE CURSOR) Z(I) T D(0) C(FETCH 1) Z(I)"},
      {"COPY to the client", [](Client& c) { c.query("COPY (rows 2) TO STDOUT; rows 1"); },
       "H d d c C(COPY 2) T D(0) C(SELECT 1) Z(I)"},
      {"COPY from the client", [](Client& c) { c.query("COPY x FROM STDIN"); }, "E(25006) Z(I)"},
      {"a cancel of another session",
       [](Client& c) { c.query("SELECT pg_cancel_backend(7); SELECT pg_terminate_backend(8)"); },
       "T D(t) C(SELECT 1) T D(f) C(SELECT 1) Z(I)"},
      {"a cursor without a transaction", [](Client& c) { c.query("DECLARE x CURSOR FOR rows 4"); },
       "E(25P01) Z(I)"},
  };
  for (const auto& script : cases) {
    auto client = started();
    script.send(client);
    EXPECT_EQ(client.answers(), script.want) << script.name;
  }
}

TEST(PostgresSession, AnswersExtendedQueries) {
  const std::vector<Script> cases = {
      {"a whole query",
       [](Client& c) { c.parse("", "rows 2").bind("", "").describe('P', "").execute("").sync(); },
       "1 2 T D(0) D(1) C(SELECT 2) Z(I)"},
      {"a change that was prepared before the transaction",
       [](Client& c) {
         c.parse("s", "delete x").sync().query("begin").bind("", "s").execute("").sync();
       },
       "1 Z(I) C(BEGIN) Z(T) 2 E(25001) Z(E)"},
      {"a change in COPY and in a cursor",
       [](Client& c) {
         c.parse("", "copy (delete from x) to stdout").sync();
         c.parse("", "declare c cursor with hold for insert into x select 1").sync();
         c.query("copy (merge into x) to stdout").query("begin; declare c cursor for drop table x");
       },
       "E(0A000) Z(I) E(0A000) Z(I) E(0A000) Z(I) C(BEGIN) E(0A000) Z(E)"},
      {"a parameter",
       [](Client& c) {
         c.parse("s", "values $1").describe('S', "s").bind("", "s", {"5"}).execute("").sync();
       },
       "1 t T 2 D(5) C(SELECT 1) Z(I)"},
      {"too few parameters",
       [](Client& c) { c.parse("s", "values $1").bind("", "s").execute("").sync(); },
       "1 E(08P01) Z(I)"},
      {"row limits",
       [](Client& c) {
         c.parse("", "rows 5").bind("p", "").execute("p", 2).execute("p", 2).execute("p", 2).sync();
       },
       "1 2 D(0) D(1) s D(2) D(3) s D(4) C(SELECT 1) Z(I)"},
      {"two portals side by side",
       [](Client& c) {
         c.query("BEGIN")
             .parse("s", "rows 3")
             .bind("a", "s")
             .bind("b", "s")
             .execute("a", 1)
             .execute("b", 2)
             .execute("a", 1)
             .sync();
       },
       "C(BEGIN) Z(T) 1 2 2 D(0) s D(0) D(1) s D(1) s Z(T)"},
      {"a portal ends at Sync outside a transaction",
       [](Client& c) { c.parse("s", "rows 3").bind("a", "s").sync().execute("a").sync(); },
       "1 2 Z(I) E(34000) Z(I)"},
      {"an error skips to Sync",
       [](Client& c) {
         c.parse("", "fail")
             .bind("", "")
             .execute("")
             .parse("", "rows 1")
             .bind("", "")
             .execute("")
             .sync()
             .query("rows 1");
       },
       "1 2 E(22012) Z(I) T D(0) C(SELECT 1) Z(I)"},
      {"a pipeline of two Syncs",
       [](Client& c) {
         c.parse("", "fail")
             .bind("", "")
             .execute("")
             .sync()
             .parse("", "rows 1")
             .bind("", "")
             .execute("")
             .sync();
       },
       "1 2 E(22012) Z(I) 1 2 D(0) C(SELECT 1) Z(I)"},
      {"a failed transaction",
       [](Client& c) {
         c.query("BEGIN")
             .parse("", "fail")
             .bind("", "")
             .execute("")
             .sync()
             .parse("", "rows 1")
             .sync()
             .parse("", "ROLLBACK")
             .bind("", "")
             .execute("")
             .sync();
       },
       "C(BEGIN) Z(T) 1 2 E(22012) Z(E) E(25P02) Z(E) 1 2 C(ROLLBACK) Z(I)"},
      {"an empty query",
       [](Client& c) { c.parse("", "").bind("", "").describe('P', "").execute("").sync(); },
       "1 2 n I Z(I)"},
      {"SHOW",
       [](Client& c) {
         c.parse("", "SHOW server_version").describe('S', "").bind("", "").execute("").sync();
       },
       "1 t T 2 D(15.0) C(SHOW) Z(I)"},
      {"a name that is taken",
       [](Client& c) { c.parse("s", "rows 1").parse("s", "rows 2").sync(); }, "1 E(42P05) Z(I)"},
      {"a closed statement",
       [](Client& c) { c.parse("s", "rows 1").close('S', "s").bind("", "s").sync(); },
       "1 3 E(26000) Z(I)"},
      {"DEALLOCATE",
       [](Client& c) { c.parse("s", "rows 1").sync().query("DEALLOCATE s").bind("", "s").sync(); },
       "1 Z(I) C(DEALLOCATE) Z(I) E(26000) Z(I)"},
      {"DISCARD ALL",
       [](Client& c) { c.parse("s", "rows 1").sync().query("DISCARD ALL").bind("", "s").sync(); },
       "1 Z(I) C(DISCARD ALL) Z(I) E(26000) Z(I)"},
      {"two statements in one Parse", [](Client& c) { c.parse("", "rows 1; rows 1").sync(); },
       "E(42601) Z(I)"},
      {"a cursor with a parameter",
       [](Client& c) {
         c.query("BEGIN")
             .parse("", "DECLARE x CURSOR FOR values $1")
             .bind("", "", {"9"})
             .execute("")
             .sync();
         c.describe('P', "x")
             .parse("", "FETCH ALL FROM x")
             .bind("", "")
             .describe('P', "")
             .execute("")
             .sync();
       },
       "C(BEGIN) Z(T) 1 2 C(DECLARE CURSOR) Z(T) T 1 2 T D(9) C(FETCH 1) Z(T)"},
      {"a function call", [](Client& c) { c.add('F', "x").query("rows 0"); },
       "E(0A000) Z(I) T C(SELECT 0) Z(I)"},
      {"copy data out of place", [](Client& c) { c.add('d', "x").add('c', "").query("rows 0"); },
       "T C(SELECT 0) Z(I)"},
  };
  for (const auto& script : cases) {
    auto client = started();
    script.send(client);
    EXPECT_EQ(client.answers(), script.want) << script.name;
  }
}

TEST(PostgresSession, CountsTheErrorsPlaceInTheWholeText) {
  auto client = started();
  std::string out;
  const std::string sql = "rows 0 /* ü */;  fail";
  std::string bytes = "Q";
  append_u32(bytes, static_cast<std::uint32_t>(sql.size() + 5));
  client.session().feed(bytes + sql + '\0');
  while (client.session().step(out) == Session::Next::kMore) {
  }
  EXPECT_NE(out.find(std::string("P19\0", 4)), std::string::npos);
}

TEST(PostgresSession, SendsALargeResultInBoundedPieces) {
  auto client = started();
  const auto answers = client.query("rows 200000").answers();
  EXPECT_TRUE(answers.ends_with("D(199999) C(SELECT 200000) Z(I)"));
  EXPECT_LT(client.largest(), kOutputBytes + 1024);
}

TEST(PostgresSession, RefusesMoreStatementsThanItsBound) {
  auto client = started();
  for (std::size_t i = 0; i < kStatementsMax; ++i) client.parse("s" + std::to_string(i), "rows 1");
  EXPECT_TRUE(client.parse("one more", "rows 1").sync().answers().ends_with("1 E(53400) Z(I)"));
}

TEST(PostgresSession, ClosesOnABrokenStreamAndOnTerminate) {
  auto broken = started();
  EXPECT_EQ(broken.add('?', "").answers(), "E(08P01)");
  EXPECT_EQ(broken.next(), Session::Next::kClose);
  auto terminated = started();
  EXPECT_EQ(terminated.query("rows 1").add('X', "").answers(), "T D(0) C(SELECT 1) Z(I)");
  EXPECT_EQ(terminated.next(), Session::Next::kClose);
}

TEST(PostgresSession, TellsItsClientThatTheServerStops) {
  auto client = started();
  std::string out;
  client.session().shut_down(out);
  EXPECT_EQ(Client::read(out), "E(57P01)");
}

TEST(PostgresSession, LivesThroughRandomMessageOrders) {
  const auto seed = std::random_device{}();
  std::mt19937 random(seed);
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  const std::vector<std::function<void(Client&)>> moves = {
      [](Client& c) { c.query("rows 3"); },
      [](Client& c) { c.query("BEGIN"); },
      [](Client& c) { c.query("ROLLBACK"); },
      [](Client& c) { c.query("fail"); },
      [](Client& c) { c.parse("s", "rows 4"); },
      [](Client& c) { c.parse("s", "DECLARE x CURSOR FOR rows 2"); },
      [](Client& c) { c.bind("p", "s"); },
      [](Client& c) { c.bind("", "s"); },
      [](Client& c) { c.execute("p", 2); },
      [](Client& c) { c.execute(""); },
      [](Client& c) { c.describe('S', "s"); },
      [](Client& c) { c.describe('P', "p"); },
      [](Client& c) { c.close('S', "s"); },
      [](Client& c) { c.close('P', "p"); },
      [](Client& c) { c.sync(); },
      [](Client& c) { c.query("FETCH ALL FROM x; CLOSE ALL"); },
      [](Client& c) { c.parse("s", "FETCH x"); },
      [](Client& c) { c.query("SAVEPOINT a"); },
      [](Client& c) { c.query("ROLLBACK TO a"); },
      [](Client& c) { c.query("SET LOCAL work_mem = '1MB'"); },
  };
  for (int round = 0; round < 300; ++round) {
    auto client = started();
    for (int i = 0; i < 60; ++i) moves[random() % moves.size()](client);
    // Whatever came before, Sync and ROLLBACK bring the session back.
    const auto answers = client.sync().query("ROLLBACK").query("rows 1").answers();
    EXPECT_TRUE(answers.ends_with("T D(0) C(SELECT 1) Z(I)")) << answers;
  }
}

}  // namespace
}  // namespace protocol::postgres
