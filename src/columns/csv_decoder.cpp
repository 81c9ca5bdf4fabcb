#include <simdjson.h>

#include "base/check.h"
#include "columns/convert.h"
#include "columns/csv.h"
#include "columns/decoder.h"

namespace columns {
namespace {

constexpr std::size_t kNoField = SIZE_MAX;

class CsvDecoder final : public Decoder {
 public:
  CsvDecoder(Schema schema, const std::vector<std::string>& csv_columns, char separator)
      : schema_(std::move(schema)), separator_(separator) {
    std::vector<bool> given(schema_.fields.size(), false);
    for (const std::string& name : csv_columns) {
      const auto index = schema_.find(name);
      const bool taken = index && !given[*index];
      field_of_column_.push_back(taken ? *index : kNoField);
      if (taken) given[*index] = true;
    }
    for (std::size_t i = 0; i < given.size(); ++i) {
      if (!given[i]) absent_.push_back(i);
    }
  }

  void decode(std::span<const std::string_view> values, Batch& out,
              std::vector<RowError>& errors) override {
    CHECK(out.columns.size() == schema_.fields.size(), "the batch is not of the decoder's schema");
    for (Column& column : out.columns) column.reserve(out.rows() + values.size());
    for (const std::string_view value : values) {
      const std::size_t row = out.rows();
      const std::size_t first_error = errors.size();
      std::string reason = decode_row(value, row, out, errors);
      if (reason.empty()) continue;
      errors.resize(first_error);
      for (Column& column : out.columns) {
        column.truncate(row);
        column.append_null();
      }
      errors.push_back({row, "", std::move(reason)});
    }
  }

 private:
  // Fills the row; a reason when the record cannot be told apart into its fields.
  std::string decode_row(std::string_view record, std::size_t row, Batch& out,
                         std::vector<RowError>& errors) {
    utf8_ = simdjson::validate_utf8(record.data(), record.size());
    CsvReader reader(record, separator_);
    std::string_view text;
    std::size_t count = 0;
    while (reader.next(text)) {
      if (count < field_of_column_.size() && field_of_column_[count] != kNoField) {
        take(field_of_column_[count], text, reader.was_quoted(), row, out, errors);
      }
      ++count;
    }
    if (!reader.reason().empty()) return reader.reason();
    if (count != field_of_column_.size()) {
      return fmt::format("the record has {} fields, {} are expected", count,
                         field_of_column_.size());
    }
    for (const std::size_t index : absent_) {
      out.columns[index].append_null();
      if (!schema_.fields[index].nullable) {
        errors.push_back(
            {row, schema_.fields[index].name, "missing, but the field is not nullable"});
      }
    }
    return "";
  }

  void take(std::size_t index, std::string_view text, bool quoted, std::size_t row, Batch& out,
            std::vector<RowError>& errors) {
    const Field& field = schema_.fields[index];
    Column& column = out.columns[index];
    if (text.empty() && (!quoted || !column.is_text())) {
      column.append_null();
      if (!field.nullable)
        errors.push_back({row, field.name, "empty, but the field is not nullable"});
      return;
    }
    if (field.type == Type::kString && !utf8_ &&
        !simdjson::validate_utf8(text.data(), text.size())) {
      column.append_null();
      errors.push_back({row, field.name, "the text is not UTF-8"});
      return;
    }
    std::string reason;
    if (!append_from_text(text, times_, column, reason)) {
      errors.push_back({row, field.name, std::move(reason)});
    }
  }

  Schema schema_;
  char separator_;
  std::vector<std::size_t> field_of_column_;
  std::vector<std::size_t> absent_;  // fields that no column of the file has
  TimestampReader times_;
  bool utf8_ = true;  // the record at hand
};

}  // namespace

std::unique_ptr<Decoder> csv_decoder(Schema schema, std::vector<std::string> csv_columns,
                                     char separator) {
  return std::make_unique<CsvDecoder>(std::move(schema), csv_columns, separator);
}

}  // namespace columns
