#include "columns/csv.h"

#include <algorithm>

#include "columns/decoder.h"

namespace columns {
namespace {

std::size_t line_end(std::string_view data, std::size_t from) {
  const std::size_t end = data.find('\n', from);
  return end == std::string_view::npos ? data.size() : end;
}

// The quote that closes the one at `opened`; npos when none does.
std::size_t closing_quote(std::string_view data, std::size_t opened) {
  std::size_t at = data.find('"', opened + 1);
  while (at != std::string_view::npos && at + 1 < data.size() && data[at + 1] == '"') {
    at = data.find('"', at + 2);
  }
  return at;
}

// Where the record that starts at `from` ends: its line break, or the end of the data.
std::size_t record_end(std::string_view data, std::size_t from, char separator) {
  bool field_start = true;
  std::size_t at = from;
  while (at < data.size() && data[at] != '\n') {
    if (data[at] == '"' && field_start) {
      const std::size_t close = closing_quote(data, at);
      if (close == std::string_view::npos) return line_end(data, at);
      at = close;
    }
    field_start = data[at] == separator;
    ++at;
  }
  return at;
}

}  // namespace

bool CsvReader::next(std::string_view& field) {
  if (done_) return false;
  quoted_ = at_ < text_.size() && text_[at_] == '"';
  if (quoted_) return next_quoted(field);
  const std::size_t end = text_.find(separator_, at_);
  if (end == std::string_view::npos) {
    field = text_.substr(at_);
    done_ = true;
  } else {
    field = text_.substr(at_, end - at_);
    at_ = end + 1;
  }
  return true;
}

bool CsvReader::next_quoted(std::string_view& field) {
  const auto broken = [&](std::string reason) {
    reason_ = std::move(reason);
    done_ = true;
    return false;
  };
  const std::size_t from = at_ + 1;
  const std::size_t close = closing_quote(text_, at_);
  if (close == std::string_view::npos) {
    return broken(fmt::format("broken quote: the quote at byte {} is never closed", at_ + 1));
  }
  field = text_.substr(from, close - from);
  if (field.find('"') != std::string_view::npos) {
    unescaped_.clear();
    for (std::size_t i = 0; i < field.size(); ++i) {
      unescaped_.push_back(field[i]);
      if (field[i] == '"') ++i;
    }
    field = unescaped_;
  }
  at_ = close + 1;
  if (at_ == text_.size()) {
    done_ = true;
  } else if (text_[at_] == separator_) {
    ++at_;
  } else {
    return broken(fmt::format("broken quote: text follows the closing quote at byte {}", at_));
  }
  return true;
}

std::vector<CsvRecord> split_csv(std::string_view data, std::int64_t first_line, char separator) {
  std::vector<CsvRecord> records;
  std::int64_t line = first_line;
  std::size_t at = data.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  while (at < data.size()) {
    const std::size_t end = record_end(data, at, separator);
    std::string_view text = data.substr(at, end - at);
    if (text.ends_with('\r')) text.remove_suffix(1);
    if (!text.empty()) records.push_back({text, line});
    line += 1 + std::count(text.begin(), text.end(), '\n');
    at = end + 1;
  }
  return records;
}

base::Result<std::vector<std::string>> csv_fields(std::string_view record, char separator) {
  std::vector<std::string> fields;
  CsvReader reader(record, separator);
  std::string_view field;
  while (reader.next(field)) fields.emplace_back(field);
  if (!reader.reason().empty()) return base::fail(base::Code::kInvalid, "{}", reader.reason());
  return fields;
}

}  // namespace columns
