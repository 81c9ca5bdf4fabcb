#include "sources/file_reader.h"

#include <openssl/evp.h>
#include <simdjson.h>

#include <memory>
#include <vector>

#include "sources/content.h"
#include "sources/csv_header.h"
#include "sources/record_splitter.h"

namespace sources {
namespace {

constexpr std::size_t kChunk = 1UL << 20;
constexpr std::int64_t kParquetRowsAtOnce = 20'000;

enum class FileKind : std::uint8_t { kCsv, kJsonLines, kParquet };

FileKind kind_of(base::Path name, const schema::TopicSchema& topic) {
  if (name.extension() == ".gz" || name.extension() == ".zst") name.replace_extension();
  const std::string ending = name.extension().string();
  if (ending == ".parquet") return FileKind::kParquet;
  if (ending == ".jsonl" || ending == ".ndjson" || ending == ".json") return FileKind::kJsonLines;
  return topic.format == schema::Format::kJson ? FileKind::kJsonLines : FileKind::kCsv;
}

void latin1_to_utf8(std::string_view text, std::string& out) {
  out.clear();
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out.push_back(c);
    } else {
      out.push_back(static_cast<char>(0xC0 | (byte >> 6)));
      out.push_back(static_cast<char>(0x80 | (byte & 0x3F)));
    }
  }
}

class TextReader final : public FileReader {
 public:
  TextReader(std::unique_ptr<Content> content, FileKind kind, const schema::TopicSchema& topic)
      : content_(std::move(content)),
        kind_(kind),
        topic_(topic),
        splitter_(
            kind == FileKind::kCsv ? RecordSplitter::Kind::kCsv : RecordSplitter::Kind::kLines,
            topic.files->separator),
        chunk_(kChunk) {
    is_json_ = kind == FileKind::kJsonLines && topic.format == schema::Format::kCsv;
  }

  // Reads the header of a CSV file; looks whether the file can be what its name says.
  base::Result<> begin() {
    FileRecord first;
    const bool any = TRY(read(first));
    if (!any) return {};
    if (kind_ == FileKind::kCsv) {
      const CsvHeader header = TRY(read_header(first));
      if (!header.schema_order) columns_ = csv_line(header.fields, topic_.files->separator);
      return {};
    }
    if (first.text.starts_with('[')) {
      base::Error error{.code = base::Code::kInvalid,
                        .message = "the file is one JSON array; lines of JSON are expected",
                        .mend = "write one object a line, for example with: jq -c '.[]'"};
      return std::unexpected(std::move(error).at("", static_cast<int>(first.line)));
    }
    first_ = std::string(first.text);
    first_line_ = first.line;
    return {};
  }

  base::Result<bool> next(FileRecord& record) override {
    if (first_line_ == 0) return read(record);
    record = {.text = first_, .line = std::exchange(first_line_, 0)};
    return true;
  }

 private:
  base::Result<CsvHeader> read_header(const FileRecord& first) {
    auto header = read_csv_header(first.text, topic_);
    if (!header)
      return std::unexpected(std::move(header).error().at("", static_cast<int>(first.line)));
    return header;
  }

  base::Result<bool> read(FileRecord& record) {
    RecordSplitter::Record found;
    while (!splitter_.next(found)) {
      if (splitter_.too_long()) {
        base::Error error{
            .code = base::Code::kLimit,
            .message = fmt::format("the line is longer than {} bytes", kRecordBytesMax),
            .mend = "end every record with a line break"};
        return std::unexpected(std::move(error).at("", static_cast<int>(splitter_.line())));
      }
      if (ended_) return false;
      const std::size_t n = TRY(content_->read(chunk_));
      splitter_.feed(std::string_view(chunk_.data(), n));
      ended_ = n == 0;
      if (ended_) splitter_.finish();
    }
    record = {.text = found.text, .line = found.line};
    const bool latin1 = topic_.files->encoding == "latin-1";
    if (latin1 || !simdjson::validate_utf8(found.text.data(), found.text.size())) {
      latin1_to_utf8(found.text, converted_);
      record.text = converted_;
    }
    return true;
  }

  std::unique_ptr<Content> content_;
  FileKind kind_;
  const schema::TopicSchema& topic_;
  RecordSplitter splitter_;
  std::vector<char> chunk_;
  bool ended_ = false;
  std::string converted_;
  std::string first_;  // a record that begin() has looked at
  std::int64_t first_line_ = 0;
};

class ParquetReader final : public FileReader {
 public:
  ParquetReader(std::unique_ptr<sql::Connection> connection, base::Path path,
                const schema::TopicSchema& topic)
      : connection_(std::move(connection)), path_(std::move(path)) {
    is_json_ = topic.format == schema::Format::kCsv;
  }

  base::Result<> begin(const schema::TopicSchema& topic) {
    const auto columns = TRY(connection_->query("DESCRIBE SELECT * FROM " + table()));
    std::vector<std::string> names;
    for (std::size_t row = 0; row < columns->rows(); ++row) names.push_back(columns->text(0, row));
    std::string line;  // as a CSV header, so that one rule finds the columns of both
    for (const std::string& name : names) {
      if (!line.empty()) line.push_back(topic.files->separator);
      line += sql_quoted(name, '"');
    }
    const CsvHeader header = TRY(read_csv_header(line, topic));
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (header.fields[i].empty()) continue;
      object_ += fmt::format("{}{}, {}", object_.empty() ? "" : ", ",
                             sql::quote_text(header.fields[i]), sql::quote_name(names[i]));
    }
    return {};
  }

  base::Result<bool> next(FileRecord& record) override {
    if (rows_ == nullptr || row_ == rows_->rows()) {
      if (rows_ != nullptr && rows_->rows() < static_cast<std::size_t>(kParquetRowsAtOnce))
        return false;
      rows_ = TRY(connection_->query(fmt::format(
          "SELECT json_object({}) FROM read_parquet({}, file_row_number = true) "
          "WHERE file_row_number >= {} AND file_row_number < {} ORDER BY file_row_number",
          object_, sql::quote_text(path_.string()), done_, done_ + kParquetRowsAtOnce)));
      row_ = 0;
      if (rows_->rows() == 0) return false;
    }
    text_ = rows_->text(0, row_++);
    record = {.text = text_, .line = ++done_};
    return true;
  }

 private:
  static std::string sql_quoted(const std::string& name, char quote) {
    std::string out(1, quote);
    for (const char c : name) out.append(c == quote ? 2 : 1, c);
    return out + quote;
  }
  std::string table() const {
    return fmt::format("read_parquet({})", sql::quote_text(path_.string()));
  }

  std::unique_ptr<sql::Connection> connection_;
  base::Path path_;
  std::string object_;  // 'field', "column", …
  std::unique_ptr<sql::Result> rows_;
  std::size_t row_ = 0;
  std::int64_t done_ = 0;
  std::string text_;
};

}  // namespace

base::Result<std::unique_ptr<FileReader>> open_file_reader(base::FileSystem& disk,
                                                           sql::Database& database,
                                                           const base::Path& path,
                                                           const schema::TopicSchema& topic) {
  const FileKind kind = kind_of(path.filename(), topic);
  if (kind == FileKind::kParquet) {
    auto reader = std::make_unique<ParquetReader>(TRY(database.connect()), path, topic);
    TRY(reader->begin(topic));
    return reader;
  }
  auto reader = std::make_unique<TextReader>(TRY(open_content(disk, path)), kind, topic);
  TRY(reader->begin());
  return reader;
}

base::Result<std::string> content_id(base::FileSystem& disk, const base::Path& path,
                                     const std::string& topic) {
  const auto content = TRY(open_content(disk, path));
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> hash(EVP_MD_CTX_new(),
                                                                     &EVP_MD_CTX_free);
  EVP_DigestInit_ex(hash.get(), EVP_sha256(), nullptr);
  EVP_DigestUpdate(hash.get(), topic.c_str(), topic.size() + 1);
  std::vector<char> chunk(kChunk);
  for (;;) {
    const std::size_t n = TRY(content->read(chunk));
    if (n == 0) break;
    EVP_DigestUpdate(hash.get(), chunk.data(), n);
  }
  std::array<unsigned char, 32> digest{};
  EVP_DigestFinal_ex(hash.get(), digest.data(), nullptr);
  std::string hex;
  for (const unsigned char byte : digest) hex += fmt::format("{:02x}", byte);
  return hex;
}

}  // namespace sources
