#include "sources/record_splitter.h"

#include <algorithm>

namespace sources {
namespace {
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
}

void RecordSplitter::feed(std::string_view chunk) {
  if (start_ > 0) {
    buffer_.erase(0, start_);
    at_ -= start_;
    quote_ -= std::min(quote_, start_);
    start_ = 0;
  }
  buffer_.append(chunk);
}

bool RecordSplitter::next(Record& record) {
  if (!begun_) {
    if (buffer_.size() < kByteOrderMark.size() && !finished_) return false;
    begun_ = true;
    if (std::string_view(buffer_).starts_with(kByteOrderMark)) start_ = at_ = kByteOrderMark.size();
  }
  while (!too_long_ && find_end()) {
    std::string_view text = std::string_view(buffer_).substr(start_, at_ - start_);
    if (text.ends_with('\r')) text.remove_suffix(1);
    const std::int64_t line = line_;
    line_ += 1 + std::count(text.begin(), text.end(), '\n');
    start_ = at_ = std::min(at_ + 1, buffer_.size());
    field_start_ = true;
    if (text.empty()) continue;
    record = {.text = text, .line = line};
    return true;
  }
  return false;
}

// Moves at_ to the line break that ends the record, or to the end of the finished text.
bool RecordSplitter::find_end() {
  if (start_ >= buffer_.size()) return false;
  if (kind_ == Kind::kLines) {
    const std::size_t end = buffer_.find('\n', at_);
    at_ = end == std::string::npos ? buffer_.size() : end;
  } else {
    while (in_quote_ || (at_ < buffer_.size() && buffer_[at_] != '\n')) {
      if (in_quote_) {
        if (scan_quoted()) continue;
        return end_unclosed_quote();
      }
      if (buffer_[at_] == '"' && field_start_) {
        in_quote_ = true;
        quote_ = at_++;
        continue;
      }
      field_start_ = buffer_[at_] == separator_;
      ++at_;
    }
  }
  if (at_ < buffer_.size() || finished_) return true;
  too_long_ = at_ - start_ > kRecordBytesMax;
  return false;
}

// Moves at_ behind the quote that closes the open one; false while it is not in the buffer.
bool RecordSplitter::scan_quoted() {
  for (;;) {
    const std::size_t quote = buffer_.find('"', at_);
    if (quote == std::string::npos) {
      at_ = buffer_.size();
      return false;
    }
    if (quote + 1 == buffer_.size() && !finished_) {
      at_ = quote;
      return false;
    }
    at_ = quote + 1;
    if (at_ < buffer_.size() && buffer_[at_] == '"') {
      ++at_;
      continue;
    }
    in_quote_ = false;
    field_start_ = false;
    return true;
  }
}

// The open quote has no end in the buffer: waits for more, or gives it up at the end of its line.
bool RecordSplitter::end_unclosed_quote() {
  if (!finished_ && at_ - quote_ <= kQuotedBytesMax) return false;
  in_quote_ = false;
  const std::size_t end = buffer_.find('\n', quote_);
  at_ = end == std::string::npos ? buffer_.size() : end;
  if (end != std::string::npos || finished_) return true;
  too_long_ = at_ - start_ > kRecordBytesMax;
  return false;
}

}  // namespace sources
