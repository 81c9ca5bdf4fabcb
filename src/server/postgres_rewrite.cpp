#include "server/postgres_rewrite.h"

#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include "protocol/postgres/lexer.h"
#include "server/postgres_catalog.h"
#include "server/sql_session_guard.h"
#include "sql/database.h"

namespace server {

namespace {

using protocol::postgres::lower;
using protocol::postgres::Token;

struct TypeRow {
  std::string_view postgres;
  std::string_view duckdb;
};
constexpr auto kTypes = std::to_array<TypeRow>({
    {"regclass", "VARCHAR"},
    {"regtype", "VARCHAR"},
    {"regproc", "VARCHAR"},
    {"regnamespace", "VARCHAR"},
    {"regrole", "VARCHAR"},
    {"name", "VARCHAR"},
    {"char", "VARCHAR"},
    {"cstring", "VARCHAR"},
    {"oid", "BIGINT"},
    {"xid", "BIGINT"},
    {"text", "VARCHAR"},
    {"int2vector", "VARCHAR"},
    {"oidvector", "VARCHAR"},
    {"jsonb", "JSON"},
    {"bpchar", "VARCHAR"},
});

// Functions whose name means something else to DuckDB, or nothing, and what does the same.
constexpr auto kFunctions = std::to_array<TypeRow>({
    {"every", "bool_and"},
    {"json_object_agg", "json_group_object"},
    {"jsonb_object_agg", "json_group_object"},
    {"json_build_object", "json_object"},
    {"jsonb_build_object", "json_object"},
    {"json_build_array", "json_array"},
    {"jsonb_build_array", "json_array"},
    {"date_part", "postgres_date_part"},
    {"mod", "postgres_mod"},
    {"substr", "postgres_substr"},
    {"to_hex", "to_hex_text"},
    {"length", "postgres_length"},
    {"char_length", "postgres_length"},
    {"character_length", "postgres_length"},
    {"octet_length", "postgres_octet_length"},
    {"strpos", "postgres_strpos"},
    {"lpad", "postgres_lpad"},
    {"rpad", "postgres_rpad"},
    {"encode", "postgres_encode"},
    {"decode", "postgres_decode"},
    {"array_length", "postgres_array_length"},
    {"array_position", "postgres_array_position"},
    {"json_array_length", "postgres_json_array_length"},
    {"jsonb_array_length", "postgres_json_array_length"},
    {"to_date", "postgres_to_date"},
});
// Words behind which an operand begins: a "~" there is a prefix.
constexpr auto kBeforeOperands = std::to_array<std::string_view>(
    {"select",   "where",  "and", "or",   "not",   "when",  "then",  "else",
     "on",       "having", "by",  "case", "in",    "like",  "ilike", "between",
     "distinct", "all",    "any", "is",   "limit", "offset"});

class Rewriter {
 public:
  explicit Rewriter(const std::string& sql)
      : sql_(sql), tokens_(protocol::postgres::tokenize(sql)) {
    find_object_casts();
    find_extracts();
    find_wrapped_calls();
  }

  std::string run() {
    while (at_ < tokens_.size()) {
      if (const auto wrapped = wraps_.find(at_); wrapped != wraps_.end()) {
        out_.append(sql_, copied_, tokens_[at_].offset - copied_).append(wrapped->second);
        copied_ = tokens_[at_].offset;
      }
      if (const auto edit = edits_.find(at_); edit != edits_.end()) {
        replace(edit->second.tokens, edit->second.text);
      } else if (!one()) {
        ++at_;
      }
    }
    out_.append(sql_, copied_);
    return std::move(out_);
  }

 private:
  const Token* token(std::size_t ahead) const {
    return at_ + ahead < tokens_.size() ? &tokens_[at_ + ahead] : nullptr;
  }
  bool word(std::size_t ahead, std::string_view expected) const {
    return token(ahead) != nullptr && token(ahead)->is_name() && name_of(*token(ahead)) == expected;
  }
  bool symbol(std::size_t ahead, char expected) const {
    return token(ahead) != nullptr && token(ahead)->is(expected);
  }
  // Whether tokens `ahead`, `ahead` + 1 are "pg_catalog.".
  std::size_t schema(std::size_t ahead) const {
    return word(ahead, "pg_catalog") && symbol(ahead + 1, '.') ? 2 : 0;
  }

  // Puts `text` in the place of the next `count` tokens.
  bool replace(std::size_t count, std::string_view text) {
    const auto& first = tokens_[at_];
    out_.append(sql_, copied_, first.offset - copied_).append(text);
    copied_ = tokens_[at_ + count - 1].end();
    at_ += count;
    return true;
  }

  bool one() {
    const auto& now = tokens_[at_];
    if (now.is_word("operator") && symbol(1, '(')) return operator_name();
    if (now.is_word("collate")) return collation();
    if (now.kind == Token::Kind::kSymbol && now.text == "::") return cast(1);
    if (now.is_word("as") && in_cast()) return cast(1);
    if (now.kind == Token::Kind::kText) return object_name();
    if (now.is('~') && match()) return true;
    if (now.is('#') && path_operator()) return true;
    if (!now.is_name()) return false;
    if (symbol(1, '(') && now.kind == Token::Kind::kWord && function()) return true;
    if (schema(0) != 0) return replace(2, "");
    if (name_of(now) == "information_schema" && symbol(1, '.') && token(2) != nullptr)
      return information_view();
    return false;
  }

  // OPERATOR(pg_catalog.!~)
  bool operator_name() {
    std::size_t ahead = 2 + schema(2);
    std::string name;
    while (token(ahead) != nullptr && !symbol(ahead, ')')) name += token(ahead++)->text;
    if (token(ahead) == nullptr) return false;
    if (name == "~") name = "@~";
    if (name == "!~") name = "!@~";
    return replace(ahead + 1, " " + name + " ");
  }

  bool collation() {
    const auto skip = schema(1);
    if (!word(1 + skip, "default")) return false;
    return replace(2 + skip, "");
  }

  // Whether AS stands in CAST( … AS type).
  bool in_cast() const {
    int depth = 0;
    for (std::size_t i = at_; i-- > 0;) {
      if (tokens_[i].is(')')) ++depth;
      if (tokens_[i].is('(') && depth-- == 0) return i > 0 && tokens_[i - 1].is_word("cast");
    }
    return false;
  }

  // c.oid::regclass, lower(x)::regtype: a function around the operand, which stands in front.
  void find_object_casts() {
    for (at_ = 1; at_ < tokens_.size(); ++at_) {
      if (tokens_[at_].text != "::") continue;
      const auto* type = token(1 + schema(1));
      if (type == nullptr || !type->is_name()) continue;
      const auto name = name_of(*type);
      const bool known = name == "regclass" || name == "regtype" || name == "regnamespace" ||
                         name == "regrole" || name == "regproc";
      if (!known || tokens_[at_ - 1].kind == Token::Kind::kText) continue;
      const bool parameter = tokens_[at_ - 1].kind == Token::Kind::kParameter;
      const bool as_oid = parameter && (name == "regclass" || name == "regtype");
      const auto function = !as_oid              ? name + "_name("
                            : name == "regclass" ? std::string("to_regclass_oid(")
                                                 : std::string("to_regtype(");
      wraps_[operand(at_ - 1)] += function;
      closed_.push_back(at_);
    }
    at_ = 0;
  }

  // The first token of the operand that ends at token `last`.
  std::size_t operand(std::size_t last) const {
    auto first = last;
    if (tokens_[last].is(')')) {
      int depth = 0;
      do {
        if (tokens_[first].is(')')) ++depth;
        if (tokens_[first].is('(')) --depth;
      } while (depth > 0 && first-- > 0);
      if (first > 0 && tokens_[first - 1].kind == Token::Kind::kWord) --first;
    }
    while (first >= 2 && tokens_[first - 1].is('.')) first -= 2;
    if (first >= 2 && tokens_[first - 1].text == "::") return operand(first - 2);
    return first;
  }

  bool cast(std::size_t ahead) {
    if (std::ranges::find(closed_, at_) != closed_.end())
      return replace(ahead + schema(ahead) + 1, ")");
    const auto skip = schema(ahead);
    const auto* type = token(ahead + skip);
    if (type == nullptr || !type->is_name()) return false;
    const auto name = name_of(*type);
    const auto row = std::find_if(kTypes.begin(), kTypes.end(),
                                  [&](const TypeRow& r) { return r.postgres == name; });
    // "char" in quotes is PostgreSQL's one-byte type; CHAR(n) is another.
    const bool plain_char = name == "char" && type->kind == Token::Kind::kWord;
    const auto before = std::string(tokens_[at_].text) + " ";
    if (row != kTypes.end() && !plain_char)
      return replace(ahead + skip + 1, before + std::string(row->duckdb));
    if (skip == 0) return false;
    return replace(ahead + skip + 1, before + std::string(type->text));
  }

  // 'silver.scans'::regclass: its oid, and 'bigint'::regtype, too. With ::text behind it, a name.
  bool object_name() {
    if (token(1) == nullptr || token(1)->text != "::") return false;
    const auto skip = schema(2);
    const auto* type = token(2 + skip);
    if (type == nullptr || !type->is_name()) return false;
    const auto name = name_of(*type);
    const auto text = text_of(tokens_[at_]);
    if (name == "bytea" && text.starts_with("\\x"))
      return replace(3 + skip, "unhex(" + sql::quote_text(text.substr(2)) + ")");
    if (symbol(3 + skip, '[') && text.starts_with('{') && text.ends_with('}'))
      return replace(1, sql::quote_text("[" + text.substr(1, text.size() - 2) + "]"));
    if (name != "regclass" && name != "regtype" && name != "regnamespace") return false;
    const auto behind = 3 + skip;
    const bool as_text = token(behind) != nullptr && token(behind)->text == "::" &&
                         (word(behind + 1 + schema(behind + 1), "text") ||
                          word(behind + 1 + schema(behind + 1), "varchar"));
    const auto function = as_text              ? name + "_name"
                          : name == "regclass" ? std::string("regclass_oid")
                                               : "to_" + name;
    return replace(behind, function + "(" + std::string(tokens_[at_].text) + ")");
  }

  // DuckDB's ~ matches a whole text, PostgreSQL's a part of it.
  bool match() {
    const bool touches_next = token(1) != nullptr && token(1)->offset == tokens_[at_].end() &&
                              (symbol(1, '~') || symbol(1, '*') || symbol(1, '='));
    if (at_ == 0 || touches_next) return false;
    const auto& before = tokens_[at_ - 1];
    const bool touches = before.end() == tokens_[at_].offset;
    if (touches && before.is('!')) {
      // "!" is in the text already, or still to be copied.
      return replace(1, "@~");
    }
    if (touches && before.kind == Token::Kind::kSymbol && !before.is(')') && !before.is(']'))
      return false;
    const bool operand =
        before.is(')') || before.is(']') ||
        (before.kind != Token::Kind::kSymbol &&
         (before.kind != Token::Kind::kWord ||
          std::ranges::find(kBeforeOperands, name_of(before)) == kBeforeOperands.end()));
    return operand && replace(1, "@~");
  }

  // json #>> '{a,b}': the arrow with a path.
  bool path_operator() {
    if (!symbol(1, '>')) return false;
    const std::size_t arrows = symbol(2, '>') ? 2 : 1;
    const auto* path = token(1 + arrows);
    if (path == nullptr || path->kind != Token::Kind::kText) return false;
    return replace(2 + arrows,
                   fmt::format("{} json_path_of({})", arrows == 2 ? "->>" : "->", path->text));
  }

  // format('%s', a) is PostgreSQL's; DuckDB's own has {} in its text.
  bool is_format() const {
    const auto* text = token(2);
    return tokens_[at_].is_word("format") && text != nullptr && text->kind == Token::Kind::kText &&
           text->text.find('%') != std::string_view::npos &&
           text->text.find('{') == std::string_view::npos;
  }

  bool function() {
    if (is_format()) return replace(1, "postgres_format");
    const auto row = std::ranges::find(kFunctions, name_of(tokens_[at_]), &TypeRow::postgres);
    if (row == kFunctions.end()) return false;
    if (at_ > 0 && tokens_[at_ - 1].is('.') && !(at_ > 1 && tokens_[at_ - 2].is_word("pg_catalog")))
      return false;
    return replace(1, row->duckdb);
  }

  // Calls that need more around them than another name.
  void find_wrapped_calls() {
    for (std::size_t i = 0; i + 2 < tokens_.size(); ++i) {
      if (!tokens_[i + 1].is('(')) continue;
      const auto close = closing(i + 1);
      if (close == tokens_.size()) continue;
      const auto* behind = close + 1 < tokens_.size() ? &tokens_[close + 1] : nullptr;
      // CAST(x AS regclass): the oid.
      if (tokens_[i].is_word("cast") && close >= i + 4 && tokens_[close - 1].is_word("regclass") &&
          tokens_[close - 2].is_word("as")) {
        edits_[i] = {2, "to_regclass_oid("};
        edits_[close - 2] = {2, ""};
      }
      // json_agg(x ORDER BY y)
      const bool aggregate = tokens_[i].is_word("json_agg") || tokens_[i].is_word("jsonb_agg");
      const bool more = behind != nullptr && (behind->is_word("filter") || behind->is_word("over"));
      if (aggregate && !more) {
        edits_[i] = {2, "to_json(list("};
        edits_[close] = {1, "))"};
      }
      // FROM string_to_array(x, ',') s: a table of one row, whose column is called like it.
      const bool listed = i > 0 && (tokens_[i - 1].is(',') || tokens_[i - 1].is_word("from"));
      if (listed && tokens_[i].is_word("string_to_array") && behind != nullptr &&
          behind->kind == Token::Kind::kWord && !behind->is_word("as") &&
          !behind->is_word("from")) {
        edits_[i] = {1, "(SELECT string_to_array"};
        edits_[close] = {1, fmt::format(") AS {})", behind->text)};
      }
      name_series(i, close);
    }
  }

  // FROM generate_series(…) s: PostgreSQL names the column like the table.
  void name_series(std::size_t i, std::size_t close) {
    if (!tokens_[i].is_word("generate_series") || i == 0) return;
    const std::size_t before = i >= 3 && tokens_[i - 1].is('.') ? i - 3 : i - 1;
    const bool listed = tokens_[before].is(',') || tokens_[before].is_word("from") ||
                        tokens_[before].is_word("join") || tokens_[before].is_word("lateral");
    if (!listed || close + 1 >= tokens_.size()) return;
    const std::size_t name = close + (tokens_[close + 1].is_word("as") ? 2 : 1);
    if (name >= tokens_.size() || !tokens_[name].is_name()) return;
    const bool named = name + 1 < tokens_.size() && tokens_[name + 1].is('(');
    constexpr auto kWords = std::to_array<std::string_view>(
        {"where", "group", "order", "limit", "join", "cross", "left", "right", "inner", "full",
         "on", "union", "except", "intersect", "with", "having", "offset", "natural"});
    if (named || std::ranges::find(kWords, lower(tokens_[name].text)) != kWords.end()) return;
    edits_[name] = {1, fmt::format("{0}({0})", tokens_[name].text)};
  }

  // The token of the bracket that closes the one at `open`; the number of tokens for none.
  std::size_t closing(std::size_t open) const {
    int depth = 0;
    for (std::size_t i = open; i < tokens_.size(); ++i) {
      if (tokens_[i].is('(')) ++depth;
      if (tokens_[i].is(')') && --depth == 0) return i;
    }
    return tokens_.size();
  }

  // EXTRACT gives a numeric: whole, but for seconds and the epoch.
  void find_extracts() {
    for (std::size_t i = 0; i + 4 < tokens_.size(); ++i) {
      if (!tokens_[i].is_word("extract") || !tokens_[i + 1].is('(') ||
          !tokens_[i + 3].is_word("from"))
        continue;
      const auto& what = tokens_[i + 2];
      const auto field = lower(what.kind == Token::Kind::kText ? text_of(what) : name_of(what));
      const auto close = closing(i + 1);
      if (close == tokens_.size()) continue;
      const bool seconds = field == "second" || field == "seconds";
      const bool fraction = seconds || field == "epoch";
      edits_[i] = {4, fmt::format("CAST(system.main.date_part({}, ",
                                  sql::quote_text(seconds ? "microsecond" : field))};
      edits_[close] = {1, fmt::format("){} AS DECIMAL({}))", seconds ? " / 1000000.0" : "",
                                      fraction ? "18, 6" : "18, 0")};
    }
  }

  bool information_view() {
    const auto view = name_of(*token(2));
    if (view == "_pg_expandarray") return replace(2, "");
    if (!is_information_view(view)) return false;
    return replace(3, std::string(kCompatDatabase) + ".information." + view);
  }

  const std::string& sql_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::string out_;
  std::size_t copied_ = 0;
  struct Edit {
    std::size_t tokens = 0;
    std::string text;
  };
  std::map<std::size_t, Edit> edits_;         // by token: what stands in the place of it
  std::map<std::size_t, std::string> wraps_;  // by token: what opens in front of it
  std::vector<std::size_t> closed_;           // casts in whose place it closes
};

}  // namespace

std::string rewrite_for_duckdb(const std::string& sql) { return Rewriter(sql).run(); }

}  // namespace server
