#include "quality/row_condition.h"

#include <cctype>
#include <vector>

#include "quality/arguments.h"
#include "sql/database.h"

namespace quality {
namespace {

using nlohmann::json;

constexpr std::size_t kConditionBytesMax = 64 << 10;
constexpr int kDepthMax = 100;

struct Token {
  enum class Kind : std::uint8_t { kName, kColumn, kText, kNumber, kSign, kEnd };
  Kind kind = Kind::kEnd;
  std::string text;
};

std::unexpected<base::Error> wrong(std::string message) {
  return wrong_argument("row_condition: " + std::move(message),
                        "write for example x > 5 and y == \"a\"");
}

base::Result<std::vector<Token>> tokens_of(const std::string& text) {
  using Kind = Token::Kind;
  std::vector<Token> tokens;
  std::size_t at = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (std::isspace(static_cast<unsigned char>(c)) != 0) {
      ++at;
    } else if (c == '"' || c == '\'' || c == '`') {
      const std::size_t end = text.find(c, at + 1);
      if (end == std::string::npos) return wrong(fmt::format("{} is not closed", c));
      tokens.push_back({c == '`' ? Kind::kColumn : Kind::kText, text.substr(at + 1, end - at - 1)});
      at = end + 1;
    } else if (std::isdigit(static_cast<unsigned char>(c)) != 0) {
      std::size_t end = at;
      while (end < text.size() &&
             (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '.'))
        ++end;
      tokens.push_back({Kind::kNumber, text.substr(at, end - at)});
      at = end;
    } else if (std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_') {
      std::size_t end = at;
      while (end < text.size() &&
             (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '_'))
        ++end;
      tokens.push_back({Kind::kName, text.substr(at, end - at)});
      at = end;
    } else {
      const std::string two = text.substr(at, 2);
      const bool pair = two == "==" || two == "!=" || two == "<=" || two == ">=" || two == "<>" ||
                        two == "&&" || two == "||";
      if (!pair && std::string_view("<>=()[],.&|~-+*/").find(c) == std::string_view::npos)
        return wrong(fmt::format("'{}' means nothing here", c));
      tokens.push_back({Kind::kSign, pair ? two : std::string(1, c)});
      at += pair ? 2 : 1;
    }
  }
  tokens.push_back({});
  return tokens;
}

// or < and < not < comparison < sum < product < value. "&" and "|" bind as "and" and "or" do, as
// pandas reads them in queries.
class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  base::Result<std::string> parse() {
    std::string sql = TRY(any());
    if (peek().kind != Token::Kind::kEnd)
      return wrong(fmt::format("'{}' is too much", peek().text));
    return sql;
  }

 private:
  const Token& peek() const { return tokens_[at_]; }
  bool take(std::string_view text) {
    if (peek().kind != Token::Kind::kSign && peek().kind != Token::Kind::kName) return false;
    if (peek().text != text) return false;
    ++at_;
    return true;
  }
  bool take_any(std::initializer_list<const char*> texts) {
    for (const char* text : texts) {
      if (take(text)) return true;
    }
    return false;
  }
  base::Result<> expect(std::string_view text) {
    if (take(text)) return {};
    return wrong(fmt::format("'{}' is missing before '{}'", text, peek().text));
  }

  base::Result<std::string> any() {
    if (++depth_ > kDepthMax) return wrong("it is nested too deeply");
    std::string sql = TRY(all());
    while (take_any({"or", "OR", "|", "||"})) sql = fmt::format("({} OR {})", sql, TRY(all()));
    --depth_;
    return sql;
  }
  base::Result<std::string> all() {
    std::string sql = TRY(none());
    while (take_any({"and", "AND", "&", "&&"})) sql = fmt::format("({} AND {})", sql, TRY(none()));
    return sql;
  }
  base::Result<std::string> none() {
    if (++depth_ > kDepthMax) return wrong("it is nested too deeply");
    const bool negated = take_any({"not", "NOT", "~"});
    std::string sql = negated ? TRY(none()) : TRY(comparison());
    --depth_;
    return negated ? fmt::format("(NOT {})", sql) : sql;
  }

  base::Result<std::string> comparison() {
    std::string left = TRY(sum());
    std::string joined;
    while (true) {
      const bool negated = peek().text == "not" && tokens_[at_ + 1].text == "in" && take("not");
      if (take_any({"in", "IN"})) {
        left = fmt::format("({} {}IN {})", left, negated ? "NOT " : "", TRY(list()));
        continue;
      }
      const char* op = nullptr;
      for (const auto& [sign, sql] : {std::pair{"==", "="},
                                      {"!=", "<>"},
                                      {"<>", "<>"},
                                      {"<=", "<="},
                                      {">=", ">="},
                                      {"<", "<"},
                                      {">", ">"},
                                      {"=", "="}}) {
        if (op == nullptr && take(sign)) op = sql;
      }
      if (op == nullptr) break;
      const std::string right = TRY(sum());
      joined += fmt::format("{}({} {} {})", joined.empty() ? "" : " AND ", left, op, right);
      left = right;
    }
    return joined.empty() ? left : fmt::format("({})", joined);
  }

  base::Result<std::string> list() {
    TRY(expect(peek().text == "(" ? "(" : "["));
    std::vector<std::string> values;
    while (!take_any({"]", ")"})) {
      if (peek().kind == Token::Kind::kEnd) return wrong("a list is not closed");
      values.push_back(TRY(sum()));
      take(",");
    }
    if (values.empty()) values.push_back("NULL");
    return fmt::format("({})", fmt::join(values, ", "));
  }

  base::Result<std::string> sum() {
    std::string sql = TRY(product());
    while (true) {
      const char* op = take("+") ? "+" : take("-") ? "-" : nullptr;
      if (op == nullptr) return sql;
      sql = fmt::format("({} {} {})", sql, op, TRY(product()));
    }
  }
  base::Result<std::string> product() {
    std::string sql = TRY(value());
    while (true) {
      const char* op = take("*") ? "*" : take("/") ? "/" : nullptr;
      if (op == nullptr) return sql;
      sql = fmt::format("({} {} {})", sql, op, TRY(value()));
    }
  }

  base::Result<std::string> value() {
    if (take("-")) return "-" + TRY(value());
    if (take("(")) {
      std::string sql = TRY(any());
      TRY(expect(")"));
      return methods(std::move(sql));
    }
    const Token token = peek();
    if (token.kind == Token::Kind::kEnd || token.kind == Token::Kind::kSign)
      return wrong(token.text.empty() ? "it ends too early"
                                      : fmt::format("'{}' is no value", token.text));
    ++at_;
    if (token.kind == Token::Kind::kText) return sql::quote_text(token.text);
    if (token.kind == Token::Kind::kNumber) return token.text;
    if (token.kind == Token::Kind::kColumn) return methods(sql::quote_name(token.text));
    if (token.text == "True" || token.text == "true") return std::string("TRUE");
    if (token.text == "False" || token.text == "false") return std::string("FALSE");
    if (token.text == "None" || token.text == "null") return std::string("NULL");
    if (token.text == "col" && take("(")) {
      const Token name = peek();
      if (name.kind != Token::Kind::kText) return wrong("col(…) needs a name in quotes");
      ++at_;
      TRY(expect(")"));
      return methods(sql::quote_name(name.text));
    }
    if (token.text == "date" && take("(")) {  // date("2020-01-01")
      const Token text = peek();
      ++at_;
      TRY(expect(")"));
      return fmt::format("CAST({} AS TIMESTAMP)", sql::quote_text(text.text));
    }
    return methods(sql::quote_name(token.text));
  }

  // .notNull(), .isnull(), .isin([…]) behind a column
  base::Result<std::string> methods(std::string sql) {
    while (take(".")) {
      const std::string name = peek().text;
      ++at_;
      TRY(expect("("));
      if (name == "notNull" || name == "notnull" || name == "notna" || name == "is_not_null") {
        sql = fmt::format("({} IS NOT NULL)", sql);
      } else if (name == "isNull" || name == "isnull" || name == "isna" || name == "is_null") {
        sql = fmt::format("({} IS NULL)", sql);
      } else if (name == "isin" || name == "is_in") {
        sql = fmt::format("({} IN {})", sql, TRY(list()));
      } else {
        return wrong(fmt::format("'.{}()' is not known; notNull, isNull and isin are", name));
      }
      TRY(expect(")"));
    }
    return sql;
  }

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

base::Result<std::string> object_sql(const json& condition, int depth) {
  if (depth > kDepthMax) return wrong("it is nested too deeply");
  if (!condition.is_object()) return wrong(fmt::format("{} is no condition", condition.dump()));
  const std::string type = condition.value("type", std::string());
  if (type == "and" || type == "or") {
    std::vector<std::string> parts;
    for (const json& part : condition.value("conditions", json::array()))
      parts.push_back(TRY(object_sql(part, depth + 1)));
    if (parts.empty()) return wrong(fmt::format("'{}' has no conditions", type));
    return fmt::format("({})", fmt::join(parts, type == "and" ? " AND " : " OR "));
  }
  if (type == "pass_through")
    return row_condition_sql(condition.value("pass_through_filter", json()), "pandas");
  const json column = condition.value("column", json::object());
  if (!column.is_object() || !column.contains("name") || !column["name"].is_string())
    return wrong(fmt::format("{} names no column", condition.dump()));
  const std::string name = sql::quote_name(column["name"].get<std::string>());
  if (type == "nullity")
    return fmt::format("({} IS {}NULL)", name, condition.value("is_null", true) ? "" : "NOT ");
  if (type != "comparison")
    return wrong(fmt::format("unknown type '{}'; comparison, nullity, and, or are known", type));
  const std::string op = condition.value("operator", std::string());
  const json parameter = condition.value("parameter", json());
  if (op == "IN" || op == "NOT_IN") {
    std::vector<std::string> values;
    for (const json& one : parameter) values.push_back(literal(one));
    if (values.empty()) values.push_back("NULL");
    return fmt::format("({} {} ({}))", name, op == "IN" ? "IN" : "NOT IN", fmt::join(values, ", "));
  }
  for (const auto& [sign, sql] :
       {std::pair{"==", "="}, {"!=", "<>"}, {"<", "<"}, {"<=", "<="}, {">", ">"}, {">=", ">="}}) {
    if (op == sign) return fmt::format("({} {} {})", name, sql, literal(parameter));
  }
  return wrong(fmt::format("unknown operator '{}'", op));
}

}  // namespace

base::Result<std::string> row_condition_sql(const json& condition, const std::string& parser) {
  if (condition.is_null()) return std::string();
  if (condition.is_object()) return object_sql(condition, 0);
  if (!condition.is_string()) return wrong(fmt::format("{} is no text", condition.dump()));
  const std::string text = condition.get<std::string>();
  if (text.size() > kConditionBytesMax) return wrong("it is too long");
  if (parser.empty() || parser == "spark" || parser == "sql") return text;
  if (parser != "pandas" && parser != "great_expectations" &&
      parser != "great_expectations__experimental__") {
    return wrong_argument(
        fmt::format("condition_parser: '{}' is not a valid enumeration member", parser),
        nearest_of(parser,
                   {"pandas", "spark", "great_expectations", "great_expectations__experimental__"},
                   "the parsers"));
  }
  return Parser(TRY(tokens_of(text))).parse();
}

}  // namespace quality
