// A PostgreSQL session fed with anything, in pieces of any size: it never crashes, never asks for
// more memory than its bounds, never goes round for ever, and what it says is whole messages.
//
// The first byte chooses who may come in and how the bytes are cut.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "protocol/postgres/session.h"
#include "protocol/postgres/types.h"

namespace {

using namespace protocol::postgres;

constexpr std::size_t kStepsMax = 100'000;

// As many rows as the query has letters, of the query's own words.
class WordRows final : public Rows {
 public:
  explicit WordRows(std::string text) : text_(std::move(text)), left_(text_.size() % 300) {
    columns_.push_back({.name = "n", .type = oid::kText});
    columns_.push_back({.name = text_.substr(0, 20), .type = oid::kInt4});
  }
  const std::vector<ColumnDescription>& columns() const override { return columns_; }
  Answer<std::size_t> fetch(std::size_t rows_max, std::size_t bytes_max,
                            const std::vector<Format>& formats, std::string& out) override {
    std::size_t count = 0;
    for (; count < rows_max && left_ > 0 && out.size() < bytes_max; ++count, --left_) {
      if (left_ == 77) {
        --left_;
        return std::unexpected(ErrorFields{.sqlstate = "22012", .message = text_, .position = 3});
      }
      const MessageScope message(out, 'D');
      append_u16(out, 2);
      append_value(out, std::string_view(text_).substr(0, left_));
      if (left_ % 3 == 0) {
        append_null(out);
      } else if (format_at(formats, 1) == Format::kBinary) {
        append_binary_int4(out, static_cast<std::int32_t>(left_));
      } else {
        append_value(out, std::to_string(left_));
      }
    }
    return count;
  }
  bool done() const override { return left_ == 0; }

 private:
  std::vector<ColumnDescription> columns_;
  std::string text_;
  std::size_t left_;
};

class WordPrepared final : public Prepared {
 public:
  explicit WordPrepared(std::string sql, std::vector<Oid> types)
      : sql_(std::move(sql)), types_(std::move(types)), columns_(WordRows(sql_).columns()) {}
  const std::vector<Oid>& parameter_types() const override { return types_; }
  const std::vector<ColumnDescription>& columns() const override { return columns_; }
  Answer<std::unique_ptr<Rows>> run(const std::vector<std::optional<std::string>>& values,
                                    const FirstFetch&) override {
    std::string text = sql_;
    for (const auto& value : values) text += value.value_or("");
    return std::make_unique<WordRows>(std::move(text));
  }

 private:
  std::string sql_;
  std::vector<Oid> types_;
  std::vector<ColumnDescription> columns_;
};

class WordEngine final : public Engine {
 public:
  Answer<std::unique_ptr<Rows>> query(const std::string& sql, const FirstFetch&) override {
    if (sql.starts_with("x")) return std::unexpected(ErrorFields{.message = sql, .position = 1});
    return std::make_unique<WordRows>(sql);
  }
  Answer<std::unique_ptr<Prepared>> prepare(const std::string& sql,
                                            const std::vector<Oid>& types) override {
    if (sql.starts_with("x")) return std::unexpected(ErrorFields{.message = sql, .position = 1});
    return std::make_unique<WordPrepared>(sql, types);
  }
  Answer<> apply(const Settings&) override { return {}; }
  bool cancel(std::int32_t process_id) override { return process_id % 2 == 0; }
};

// Whole messages, but for the one byte that answers a request for encryption.
void check_messages(std::string_view out) {
  while (!out.empty()) {
    if (out[0] == 'N' && (out.size() == 1 || out[1] != '\0')) {
      out.remove_prefix(1);
      continue;
    }
    CHECK(out.size() >= 5, "{} bytes are no message", out.size());
    std::uint32_t size = 0;
    __builtin_memcpy(&size, out.data() + 1, 4);
    size = __builtin_bswap32(size);
    CHECK(size >= 4 && size + 1 <= out.size(), "a message '{}' of {} bytes in {}", out[0], size,
          out.size());
    out.remove_prefix(size + 1);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::uint8_t how = data[0];
  Access access;
  if ((how & 1) != 0) {
    access.users = [](const std::string& user) -> std::optional<ScramVerifier> {
      if (user.empty() || user[0] != 'u') return std::nullopt;
      static const ScramVerifier kVerifier = make_scram_verifier("p", "salt", 1);
      return kVerifier;
    };
  }
  access.encryption_required = (how & 2) != 0;
  Session session(
      [](const Startup&) -> Answer<std::unique_ptr<Engine>> {
        return std::make_unique<WordEngine>();
      },
      {7, 9}, access);
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t piece = (how & 4) != 0 ? 1 + (how >> 3) : bytes.size();
  std::size_t steps = 0;
  while (!bytes.empty()) {
    session.feed(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
    auto next = Session::Next::kMore;
    while (next == Session::Next::kMore) {
      std::string out;
      next = session.step(out);
      check_messages(out);
      CHECK(++steps < kStepsMax, "the session goes round for ever");
    }
    if (next == Session::Next::kClose) return 0;
  }
  std::string out;
  session.shut_down(out);
  check_messages(out);
  return 0;
}
