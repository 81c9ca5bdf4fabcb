#include "server/sql_change.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string_view>

#include "protocol/postgres/lexer.h"
#include "sql/database.h"

namespace server {
namespace {

using base::Code;
using protocol::postgres::Token;
using Kind = SqlChange::Kind;

class Reader {
 public:
  explicit Reader(const std::string& sql) : sql_(sql), tokens_(protocol::postgres::tokenize(sql)) {}

  base::Result<SqlChange> run() {
    if (word("insert")) return insert();
    if (word("update")) return update();
    if (word("delete")) return erase();
    if (word("merge")) return merge();
    if (word("create")) return create();
    if (word("drop")) return drop();
    return wrong();
  }

 private:
  bool done() const { return at_ >= tokens_.size() || tokens_[at_].is(';'); }
  bool peek(std::string_view expected, std::size_t ahead = 0) const {
    return at_ + ahead < tokens_.size() && tokens_[at_ + ahead].is_word(expected);
  }
  bool word(std::string_view expected) {
    if (!peek(expected)) return false;
    ++at_;
    return true;
  }
  bool symbol(char expected) {
    if (done() || !tokens_[at_].is(expected)) return false;
    ++at_;
    return true;
  }
  std::unexpected<base::Error> wrong() const {
    const auto near = at_ < tokens_.size() ? fmt::format("at or near \"{}\"", tokens_[at_].text)
                                           : std::string("at end of input");
    return base::fail_with(Code::kInvalid, "syntax error " + near,
                           "see PostgreSQL's documentation of the command");
  }
  static std::unexpected<base::Error> unsupported(const std::string& what,
                                                  const std::string& mend) {
    return base::fail_with(Code::kUnsupported, what + " is not served", mend);
  }

  base::Result<std::vector<std::string>> table() {
    std::vector<std::string> name;
    do {
      if (done() || !tokens_[at_].is_name()) return wrong();
      name.push_back(name_of(tokens_[at_++]));
    } while (symbol('.'));
    return name;
  }

  // "AS x" or "x"; "" for none. Words of the command are no alias.
  std::string alias() {
    constexpr auto kWords = std::to_array<std::string_view>(
        {"set", "where", "using", "on", "values", "select", "default", "with", "table", "when"});
    const bool as = word("as");
    if (done() || !tokens_[at_].is_name()) return "";
    const bool taken = tokens_[at_].kind == Token::Kind::kWord &&
                       std::ranges::find(kWords, name_of(tokens_[at_])) != kWords.end();
    if (taken && !as) return "";
    return name_of(tokens_[at_++]);
  }

  // The text up to the first of `ends` outside of brackets and CASE … END, or a comma.
  std::string until(std::initializer_list<std::string_view> ends, bool commas = false) {
    const std::size_t first = at_;
    int depth = 0;
    for (; !done(); ++at_) {
      const auto& token = tokens_[at_];
      const bool stops = std::ranges::any_of(ends, [&](auto end) { return token.is_word(end); });
      if (depth == 0 && (stops || (commas && token.is(',')))) break;
      if (token.is('(') || token.is('[') || token.is_word("case")) ++depth;
      if (token.is(')') || token.is(']') || (token.is_word("end") && depth > 0)) --depth;
      if (depth < 0) break;
    }
    return first == at_ ? std::string() : text(first, at_);
  }
  std::string text(std::size_t first, std::size_t end) const {
    return sql_.substr(
        tokens_[first].offset,
        tokens_[end - 1].offset + tokens_[end - 1].text.size() - tokens_[first].offset);
  }

  base::Result<std::vector<std::string>> names_in_brackets() {
    std::vector<std::string> names;
    if (!symbol('(')) return names;
    do {
      if (done() || !tokens_[at_].is_name()) return wrong();
      names.push_back(name_of(tokens_[at_++]));
    } while (symbol(','));
    if (!symbol(')')) return wrong();
    return names;
  }

  // Puts the fixed names of table and source in the places of what the statement calls them.
  std::string fixed(const std::string& expression) const {
    const auto tokens = protocol::postgres::tokenize(expression);
    std::string out;
    std::size_t copied = 0;
    for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
      if (!tokens[i].is_name() || (i > 0 && tokens[i - 1].is('.'))) continue;
      std::size_t last = i;
      auto name = name_of(tokens[i]);
      if (i + 3 < tokens.size() && tokens[i + 1].is('.') && tokens[i + 2].is_name() &&
          tokens[i + 3].is('.')) {
        last = i + 2;
        name += "." + name_of(tokens[last]);
      }
      const auto found = calls_.find(name);
      if (found == calls_.end() || !tokens[last + 1].is('.')) continue;
      out.append(expression, copied, tokens[i].offset - copied).append(found->second);
      copied = tokens[last].end();
    }
    return out.append(expression, copied);
  }
  void call(const std::vector<std::string>& table, const std::string& alias,
            const std::string& fixed_name) {
    if (!alias.empty()) {
      calls_[alias] = fixed_name;
      return;
    }
    calls_[table.back()] = fixed_name;
    if (table.size() > 1) calls_[table[table.size() - 2] + "." + table.back()] = fixed_name;
  }

  base::Result<> end() const {
    if (done() && at_ + 1 >= tokens_.size()) return {};
    if (peek("returning"))
      return unsupported("RETURNING", "read the rows with a SELECT after the change");
    return wrong();
  }

  // A column of a JOIN may have that name too.
  static bool has_on_conflict(const std::string& select) {
    const auto tokens = protocol::postgres::tokenize(select);
    int depth = 0;
    for (std::size_t i = 0; i + 2 < tokens.size(); ++i) {
      if (tokens[i].is('(')) ++depth;
      if (tokens[i].is(')')) --depth;
      const auto& then = tokens[i + 2];
      if (depth == 0 && tokens[i].is_word("on") && tokens[i + 1].is_word("conflict") &&
          (then.is('(') || then.is_word("do") || then.is_word("on")))
        return true;
    }
    return false;
  }

  base::Result<SqlChange> insert() {
    SqlChange change;
    if (!word("into")) return wrong();
    change.target = TRY(table());
    static_cast<void>(alias());
    const bool query = peek("select", 1) || peek("values", 1) || peek("with", 1) ||
                       (at_ + 1 < tokens_.size() && tokens_[at_ + 1].is('('));
    if (!query) change.columns = TRY(names_in_brackets());
    if (peek("default"))
      return unsupported("DEFAULT VALUES", "name a value for each column; NULL for none");
    if (done()) return wrong();
    change.select = until({"returning"});
    if (has_on_conflict(change.select))
      return unsupported("ON CONFLICT", "use MERGE INTO … USING … ON …");
    TRY(end());
    return change;
  }

  base::Result<std::vector<lake::Assignment>> assignments(
      std::initializer_list<std::string_view> ends) {
    std::vector<lake::Assignment> all;
    do {
      if (!done() && tokens_[at_].is('('))
        return unsupported("(a, b) = (…)", "assign the columns one by one");
      if (done() || !tokens_[at_].is_name()) return wrong();
      lake::Assignment one{.column = name_of(tokens_[at_++]), .value = {}};
      if (!symbol('=')) return wrong();
      one.value = fixed(until(ends, true));
      if (one.value.empty()) return wrong();
      all.push_back(std::move(one));
    } while (symbol(','));
    return all;
  }

  base::Result<SqlChange> update() {
    SqlChange change{.kind = Kind::kUpdate, .target = {}};
    static_cast<void>(word("only"));
    change.target = TRY(table());
    call(change.target, alias(), "target");
    if (!word("set")) return wrong();
    change.assignments = TRY(assignments({"where", "from", "returning"}));
    if (peek("from")) return unsupported("UPDATE … FROM", "use MERGE INTO … USING … ON …");
    if (word("where")) {
      change.condition = fixed(until({"returning"}));
      if (change.condition.empty()) return wrong();
    }
    TRY(end());
    return change;
  }

  base::Result<SqlChange> erase() {
    SqlChange change{.kind = Kind::kDelete, .target = {}};
    if (!word("from")) return wrong();
    static_cast<void>(word("only"));
    change.target = TRY(table());
    call(change.target, alias(), "target");
    if (peek("using"))
      return unsupported("DELETE … USING", "use WHERE key IN (SELECT …), or MERGE INTO");
    if (word("where")) {
      change.condition = fixed(until({"returning"}));
      if (change.condition.empty()) return wrong();
    }
    TRY(end());
    return change;
  }

  base::Result<SqlChange> merge() {
    SqlChange change{.kind = Kind::kMerge, .target = {}};
    if (!word("into")) return wrong();
    change.target = TRY(table());
    call(change.target, alias(), "target");
    if (!word("using")) return wrong();
    if (!done() && tokens_[at_].is('(')) {
      const std::size_t first = at_ + 1;
      int depth = 0;
      do {
        if (done()) return wrong();
        if (tokens_[at_].is('(')) ++depth;
        if (tokens_[at_].is(')')) --depth;
        ++at_;
      } while (depth > 0);
      if (at_ - 1 <= first) return wrong();
      change.select = text(first, at_ - 1);
      auto name = alias();
      if (name.empty()) return wrong();
      const auto columns = TRY(names_in_brackets());
      if (!columns.empty()) {
        std::string list;
        for (const auto& column : columns)
          list += (list.empty() ? "" : ", ") + sql::quote_name(column);
        change.select = fmt::format("SELECT * FROM ({}) AS given({})", change.select, list);
      }
      calls_[name] = "source";
    } else {
      const std::size_t first = at_;
      const auto name = TRY(table());
      change.select = "SELECT * FROM " + text(first, at_);
      call(name, alias(), "source");
    }
    if (!word("on")) return wrong();
    change.condition = fixed(until({"when"}));
    if (change.condition.empty()) return wrong();
    while (word("when")) change.clauses.push_back(TRY(clause()));
    if (change.clauses.empty()) return wrong();
    TRY(end());
    return change;
  }

  base::Result<lake::MergeClause> clause() {
    using When = lake::MergeClause::When;
    lake::MergeClause one;
    if (word("not")) one.when = When::kNotMatched;
    if (!word("matched")) return wrong();
    if (one.when == When::kNotMatched && word("by")) {
      if (word("source")) {
        one.when = When::kNotMatchedBySource;
      } else if (!word("target")) {
        return wrong();
      }
    }
    if (word("and")) one.condition = fixed(until({"then"}));
    if (!word("then")) return wrong();
    if (word("delete")) {
      one.what = lake::MergeClause::Do::kDelete;
    } else if (word("update")) {
      one.what = lake::MergeClause::Do::kUpdate;
      if (!word("set")) return wrong();
      if (!symbol('*')) one.assignments = TRY(assignments({"when", "returning"}));
    } else if (word("insert")) {
      one.what = lake::MergeClause::Do::kInsert;
      TRY(insert_values(one));
    } else {
      if (peek("do")) return unsupported("DO NOTHING", "leave the WHEN out");
      return wrong();
    }
    return one;
  }

  base::Result<> insert_values(lake::MergeClause& one) {
    if (symbol('*')) return {};
    const auto columns = TRY(names_in_brackets());
    if (columns.empty())
      return unsupported("INSERT without columns in MERGE", "name the columns, or write INSERT *");
    if (!word("values") || !symbol('(')) return wrong();
    for (const auto& column : columns) {
      lake::Assignment value{.column = column, .value = fixed(until({}, true))};
      if (value.value.empty()) return wrong();
      one.assignments.push_back(std::move(value));
      if (&column != &columns.back() && !symbol(',')) return wrong();
    }
    if (!symbol(')')) return wrong();
    return {};
  }

  base::Result<SqlChange> create() {
    SqlChange change{.kind = Kind::kCreate, .target = {}};
    if (!word("table"))
      return unsupported("CREATE of anything but a table", "write CREATE TABLE name AS SELECT …");
    if (word("if")) {
      if (!word("not") || !word("exists")) return wrong();
      change.if_exists = true;
    }
    change.target = TRY(table());
    if (word("as")) {
      change.kind = Kind::kCreateAs;
      change.select = until({});
      if (change.select.empty()) return wrong();
    } else {
      if (!symbol('(')) return wrong();
      change.definition = until({});
      if (change.definition.empty() || !symbol(')')) return wrong();
    }
    TRY(end());
    return change;
  }

  base::Result<SqlChange> drop() {
    SqlChange change{.kind = Kind::kDrop, .target = {}};
    if (!word("table")) return unsupported("DROP of anything but a table", "write DROP TABLE name");
    if (word("if")) {
      if (!word("exists")) return wrong();
      change.if_exists = true;
    }
    change.target = TRY(table());
    if (!word("cascade")) static_cast<void>(word("restrict"));
    TRY(end());
    return change;
  }

  const std::string& sql_;
  const std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::map<std::string, std::string> calls_;
};

std::string list_of(const std::vector<lake::Assignment>& assignments) {
  std::string list;
  for (const auto& one : assignments) list += ", (" + one.value + ")";
  return list;
}

}  // namespace

base::Result<SqlChange> parse_change(const std::string& sql) { return Reader(sql).run(); }

std::vector<std::string> SqlChange::readings() const {
  std::string table;
  for (const auto& part : target) table += (table.empty() ? "" : ".") + sql::quote_name(part);
  const auto where = condition.empty() ? std::string() : " WHERE (" + condition + ")";
  switch (kind) {
    case Kind::kInsert:
    case Kind::kCreateAs:
      return {select};
    case Kind::kUpdate:
    case Kind::kDelete:
      return {fmt::format("SELECT 1{} FROM {} AS target{}", list_of(assignments), table, where)};
    case Kind::kMerge: {
      std::string values;
      for (const auto& clause : clauses) {
        values += list_of(clause.assignments);
        if (!clause.condition.empty()) values += ", (" + clause.condition + ")";
      }
      return {fmt::format("SELECT 1{} FROM {} AS target JOIN ({}) AS source ON ({})", values, table,
                          select, condition)};
    }
    case Kind::kCreate:
    case Kind::kDrop:
      return {};
  }
  return {};
}

}  // namespace server
