#include "protocol/postgres/copy.h"

#include <algorithm>
#include <utility>

#include "protocol/postgres/lexer.h"

namespace protocol::postgres {
namespace {

using Style = CopyOptions::Style;

std::unexpected<ErrorFields> refuse(std::string sqlstate, std::string message, std::string hint) {
  return std::unexpected(make_error(std::move(sqlstate), std::move(message), std::move(hint)));
}

constexpr const char* kExample = "write COPY (SELECT …) TO STDOUT WITH (FORMAT csv, HEADER)";

// The options of both ways to write them: (FORMAT csv, HEADER true) and CSV HEADER.
class OptionReader {
 public:
  OptionReader(const std::vector<Token>& tokens, std::size_t at) : tokens_(tokens), at_(at) {}

  std::expected<CopyOptions, ErrorFields> read() {
    take_word("with");
    const bool listed = take('(');
    while (!at_end() && !(listed && tokens_[at_].is(')'))) {
      if (auto taken = read_one(); !taken) return std::unexpected(taken.error());
      if (listed && !take(',')) break;
    }
    if (listed && !take(')')) return refuse("42601", "syntax error in COPY", kExample);
    if (!at_end()) return refuse("42601", "syntax error in COPY", kExample);
    return finish();
  }

 private:
  bool at_end() const {
    return at_ >= tokens_.size() || (tokens_[at_].is(';') && at_ + 1 == tokens_.size());
  }
  bool take(char symbol) {
    if (at_end() || !tokens_[at_].is(symbol)) return false;
    ++at_;
    return true;
  }
  bool take_word(std::string_view word) {
    if (at_end() || !tokens_[at_].is_word(word)) return false;
    ++at_;
    return true;
  }
  std::optional<std::string> text() {
    take_word("as");
    if (at_end()) return std::nullopt;
    const auto& token = tokens_[at_];
    if (token.kind == Token::Kind::kText) return text_of(tokens_[at_++]);
    if (token.is_name()) return name_of(tokens_[at_++]);
    return std::nullopt;
  }
  // One byte that is no line end.
  std::expected<char, ErrorFields> character(const std::string& what) {
    const auto value = text();
    if (value && value->size() == 1 && *value != "\n" && *value != "\r") return (*value)[0];
    return refuse("22023", "COPY " + what + " must be a single one-byte character", kExample);
  }
  bool on() {
    if (take_word("false") || take_word("off")) return false;
    if (!take_word("true")) take_word("on");
    return true;
  }

  std::expected<void, ErrorFields> read_one() {
    if (take_word("format")) {
      const auto name = text();
      return set_style(name.value_or(""));
    }
    for (const auto* const word : {"csv", "binary"}) {
      if (take_word(word)) return set_style(word);
    }
    if (take_word("header")) {
      options_.header = on();
      return {};
    }
    if (take_word("null")) {
      null_ = text();
      if (!null_) return refuse("42601", "syntax error in COPY", kExample);
      return {};
    }
    if (take_word("delimiter")) return keep(character("delimiter"), delimiter_);
    if (take_word("quote")) return keep(character("quote"), quote_);
    if (take_word("escape")) return keep(character("escape"), escape_);
    if (take_word("encoding")) {
      const auto name = lower(text().value_or(""));
      if (name == "utf8" || name == "utf-8") return {};
      return refuse("22023", "COPY writes UTF8 only", "leave the encoding out");
    }
    if (take_word("force_quote")) return read_quoted();
    if (take_word("force")) {
      if (take_word("quote")) return read_quoted();
    }
    return refuse("42601",
                  "COPY has no option \"" +
                      std::string(at_end() ? std::string_view("") : tokens_[at_].text) + "\"",
                  kExample);
  }

  std::expected<void, ErrorFields> read_quoted() {
    if (take('*')) {
      options_.quote_all = true;
      return {};
    }
    const bool listed = take('(');
    while (!at_end() && tokens_[at_].is_name()) {
      options_.quoted.insert(name_of(tokens_[at_++]));
      if (!take(',')) break;
    }
    if (listed && !take(')')) return refuse("42601", "syntax error in COPY", kExample);
    return {};
  }

  static std::expected<void, ErrorFields> keep(std::expected<char, ErrorFields> value,
                                               std::optional<char>& into) {
    if (!value) return std::unexpected(value.error());
    into = *value;
    return {};
  }

  std::expected<void, ErrorFields> set_style(std::string_view name) {
    if (name == "csv") {
      options_.style = Style::kCsv;
    } else if (name == "binary") {
      options_.style = Style::kBinary;
    } else if (name != "text") {
      return refuse("22023", "COPY format \"" + std::string(name) + "\" not recognized",
                    "write text, csv or binary");
    }
    return {};
  }

  std::expected<CopyOptions, ErrorFields> finish() {
    const bool csv = options_.style == Style::kCsv;
    if (options_.style == Style::kBinary && (null_ || delimiter_ || options_.header))
      return refuse("42601", "cannot specify DELIMITER, NULL or HEADER in BINARY mode", kExample);
    if (!csv && (quote_ || escape_ || options_.quote_all || !options_.quoted.empty()))
      return refuse("0A000", "COPY quotes in CSV mode only", kExample);
    if (csv) {
      options_.delimiter = ',';
      options_.null.clear();
    }
    if (delimiter_) options_.delimiter = *delimiter_;
    if (null_) options_.null = *null_;
    if (quote_) options_.quote = *quote_;
    options_.escape = escape_.value_or(options_.quote);
    constexpr std::string_view kReserved = "\\.abcdefghijklmnopqrstuvwxyz0123456789";
    if (!csv && kReserved.find(options_.delimiter) != std::string_view::npos)
      return refuse("22023",
                    "COPY delimiter cannot be \"" + std::string(1, options_.delimiter) + "\"",
                    "take another one");
    if (csv && options_.delimiter == options_.quote)
      return refuse("22023", "COPY delimiter and quote must be different", "take another one");
    return options_;
  }

  const std::vector<Token>& tokens_;
  std::size_t at_;
  CopyOptions options_;
  std::optional<char> delimiter_;
  std::optional<char> quote_;
  std::optional<char> escape_;
  std::optional<std::string> null_;
};

// The token behind the parenthesis that closes the one at `open`; the end when none does.
std::size_t behind_parentheses(const std::vector<Token>& tokens, std::size_t open) {
  std::size_t depth = 0;
  for (std::size_t i = open; i < tokens.size(); ++i) {
    if (tokens[i].is('(')) ++depth;
    if (tokens[i].is(')') && --depth == 0) return i + 1;
  }
  return tokens.size();
}

std::string_view between(std::string_view sql, const Token& first, const Token& last) {
  return sql.substr(first.offset, last.end() - first.offset);
}

}  // namespace

std::expected<std::optional<CopyOut>, ErrorFields> read_copy(std::string_view sql) {
  const auto tokens = tokenize(sql);
  if (tokens.empty() || !tokens[0].is_word("copy")) return std::nullopt;
  CopyOut copy;
  std::size_t at = 1;
  if (at < tokens.size() && tokens[at].is('(')) {
    at = behind_parentheses(tokens, at);
    if (at < 4 || !tokens[at - 1].is(')')) return refuse("42601", "syntax error in COPY", kExample);
    copy.query = between(sql, tokens[2], tokens[at - 2]);
  } else {
    while (at < tokens.size() && (tokens[at].is_name() || tokens[at].is('.')) &&
           !tokens[at].is_word("to") && !tokens[at].is_word("from"))
      ++at;
    if (at == 1) return refuse("42601", "syntax error in COPY", kExample);
    const std::string table(between(sql, tokens[1], tokens[at - 1]));
    std::string columns = "*";
    if (at < tokens.size() && tokens[at].is('(')) {
      const auto end = behind_parentheses(tokens, at);
      if (end < at + 3) return refuse("42601", "syntax error in COPY", kExample);
      columns = between(sql, tokens[at + 1], tokens[end - 2]);
      at = end;
    }
    copy.query = "SELECT " + columns + " FROM " + table;
  }
  const auto is = [&](std::size_t index, std::string_view word) {
    return index < tokens.size() && tokens[index].is_word(word);
  };
  if (is(at, "from")) {
    return refuse("25006", "COPY FROM is refused: clients do not write tables",
                  "send rows by HTTP, Kafka or a drop folder; models write the tables");
  }
  if (!is(at, "to")) return refuse("42601", "syntax error in COPY", kExample);
  if (!is(at + 1, "stdout")) {
    return refuse("25006", "COPY is refused to a file or a program: it writes to STDOUT only",
                  "write COPY … TO STDOUT, or \\copy … TO 'file' in psql");
  }
  auto options = OptionReader(tokens, at + 2).read();
  if (!options) return std::unexpected(std::move(options).error());
  copy.options = *std::move(options);
  return copy;
}

CopyWriter::CopyWriter(CopyOptions options, std::vector<ColumnDescription> columns)
    : options_(std::move(options)), columns_(std::move(columns)) {
  for (const auto& column : columns_)
    quoted_.push_back(options_.quote_all || options_.quoted.contains(column.name));
}

Format CopyWriter::format() const {
  return options_.style == Style::kBinary ? Format::kBinary : Format::kText;
}

void CopyWriter::begin(std::string& out) {
  const bool binary = options_.style == Style::kBinary;
  {
    const MessageScope message(out, 'H');
    out.push_back(binary ? '\1' : '\0');
    append_u16(out, static_cast<std::uint16_t>(columns_.size()));
    for (std::size_t i = 0; i < columns_.size(); ++i) append_u16(out, binary ? 1 : 0);
  }
  if (binary) {
    binary_header_.assign("PGCOPY\n\377\r\n\0", 11);
    append_u32(binary_header_, 0);  // flags
    append_u32(binary_header_, 0);  // no header extension
  } else if (options_.header) {
    const MessageScope message(out, 'd');
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (i > 0) out.push_back(options_.delimiter);
      if (options_.style == Style::kCsv) {
        append_csv_value(columns_[i].name, false, out);
      } else {
        append_text_value(columns_[i].name, out);
      }
    }
    out.push_back('\n');
  }
}

void CopyWriter::append(std::string_view rows, std::string& out) {
  while (rows.size() >= 5) {
    std::uint32_t size = 0;
    __builtin_memcpy(&size, rows.data() + 1, 4);
    size = __builtin_bswap32(size);
    const auto body = rows.substr(5, size - 4);
    const MessageScope message(out, 'd');
    if (options_.style == Style::kBinary) {
      out.append(std::exchange(binary_header_, {}));
      out.append(body);  // a tuple of the binary format is a DataRow's body
    } else {
      append_line(body, out);
    }
    rows.remove_prefix(std::min<std::size_t>(size + 1, rows.size()));
  }
}

void CopyWriter::append_line(std::string_view row, std::string& out) const {
  row.remove_prefix(2);  // the number of columns
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (i > 0) out.push_back(options_.delimiter);
    std::uint32_t size = 0;
    __builtin_memcpy(&size, row.data(), 4);
    size = __builtin_bswap32(size);
    row.remove_prefix(4);
    if (size == 0xFFFFFFFF) {
      out += options_.null;
      continue;
    }
    if (options_.style == Style::kCsv) {
      append_csv_value(row.substr(0, size), quoted_[i], out);
    } else {
      append_text_value(row.substr(0, size), out);
    }
    row.remove_prefix(size);
  }
  out.push_back('\n');
}

void CopyWriter::end(std::string& out) {
  if (options_.style == Style::kBinary) {
    const MessageScope message(out, 'd');
    out.append(std::exchange(binary_header_, {}));
    append_u16(out, 0xFFFF);
  }
  const MessageScope message(out, 'c');
}

void CopyWriter::append_text_value(std::string_view value, std::string& out) const {
  constexpr std::string_view kControls = "\b\f\n\r\t\v";
  constexpr std::string_view kLetters = "bfnrtv";
  for (const char c : value) {
    if (const auto control = kControls.find(c); control != std::string_view::npos) {
      out.push_back('\\');
      out.push_back(kLetters[control]);
    } else {
      if (c == '\\' || c == options_.delimiter) out.push_back('\\');
      out.push_back(c);
    }
  }
}

void CopyWriter::append_csv_value(std::string_view value, bool quoted, std::string& out) const {
  // "\." alone on a line would end the data for those who read files.
  quoted = quoted || value == options_.null || (columns_.size() == 1 && value == "\\.");
  for (const char c : value) {
    quoted = quoted || c == options_.delimiter || c == options_.quote || c == '\n' || c == '\r';
  }
  if (!quoted) {
    out.append(value);
    return;
  }
  out.push_back(options_.quote);
  for (const char c : value) {
    if (c == options_.quote || c == options_.escape) out.push_back(options_.escape);
    out.push_back(c);
  }
  out.push_back(options_.quote);
}

}  // namespace protocol::postgres
