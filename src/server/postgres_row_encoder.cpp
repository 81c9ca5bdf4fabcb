// Rows of a query as DataRow messages, written where DuckDB has them.
#include <chrono>
#include <limits>

#include "protocol/postgres/types.h"
#include "server/postgres_error.h"
#include "server/postgres_rows.h"

namespace server {
namespace {

namespace pg = protocol::postgres;
namespace oid = protocol::postgres::oid;
using sql::Kind;

// Rows that are there are not held back until others are computed.
constexpr auto kPatience = std::chrono::milliseconds(20);

enum class Form : std::uint8_t {
  kText,
  kArrayText,
  kArrayBinary,
  kInt2,
  kInt4,
  kInt8,
  kBool,
  kFloat4,
  kFloat8,
  kDate,
  kTimestamp,
  kBinaryText,  // text, json: the bytes of the text
  kFromText,    // by way of the text
};

Form int_form(pg::Oid type) {
  return type == oid::kInt2 ? Form::kInt2 : type == oid::kInt4 ? Form::kInt4 : Form::kInt8;
}

Form binary_form(Kind kind, pg::Oid type) {
  if (type != oid_of(kind)) return Form::kFromText;
  switch (kind) {
    case Kind::kTinyInt:
    case Kind::kSmallInt:
    case Kind::kInteger:
    case Kind::kBigInt:
    case Kind::kUTinyInt:
    case Kind::kUSmallInt:
    case Kind::kUInteger:
      return int_form(type);
    case Kind::kBoolean:
      return Form::kBool;
    case Kind::kFloat:
      return Form::kFloat4;
    case Kind::kDouble:
      return Form::kFloat8;
    case Kind::kDate:
      return Form::kDate;
    case Kind::kTimestamp:
    case Kind::kTimestampTz:
      return Form::kTimestamp;
    case Kind::kVarchar:
      return Form::kBinaryText;
    default:
      return Form::kFromText;
  }
}

class StreamedRows final : public pg::Rows {
 public:
  StreamedRows(std::unique_ptr<sql::RowStream> rows, std::vector<pg::ColumnDescription> columns,
               RunFetch run)
      : rows_(std::move(rows)), columns_(std::move(columns)), run_(std::move(run)) {}

  const std::vector<pg::ColumnDescription>& columns() const override { return columns_; }
  bool done() const override { return done_; }

  pg::Answer<std::size_t> fetch(std::size_t rows_max, std::size_t bytes_max,
                                const std::vector<pg::Format>& formats, std::string& out) override {
    const auto began = std::chrono::steady_clock::now();
    choose_forms(formats);
    std::size_t count = 0;
    while (count < rows_max && out.size() < bytes_max) {
      if (next_ == there_) {
        if (count > 0 && std::chrono::steady_clock::now() - began > kPatience) break;
        auto more = run_([this] { return rows_->next(); });
        if (!more) return std::unexpected(std::move(more).error());
        next_ = 0;
        there_ = *more ? rows_->rows() : 0;
        done_ = !*more;
        if (done_) break;
      }
      for (; next_ < there_ && count < rows_max && out.size() < bytes_max; ++next_, ++count) {
        const auto start = out.size();
        if (auto written = append_row(out); !written) {
          out.resize(start);
          return std::unexpected(postgres_error(written.error(), ""));
        }
      }
    }
    return count;
  }

 private:
  void choose_forms(const std::vector<pg::Format>& formats) {
    forms_.resize(columns_.size());
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const bool binary = pg::format_at(formats, i) == pg::Format::kBinary;
      const auto& info = rows_->columns()[i];
      const bool array = info.element != Kind::kNull && columns_[i].type != oid::kJson;
      if (array) {
        forms_[i] = binary ? Form::kArrayBinary : Form::kArrayText;
      } else {
        forms_[i] = binary ? binary_form(info.kind, columns_[i].type) : Form::kText;
      }
    }
  }

  base::Result<> append_row(std::string& out) {
    const pg::MessageScope message(out, 'D');
    pg::append_u16(out, static_cast<std::uint16_t>(columns_.size()));
    for (std::size_t column = 0; column < columns_.size(); ++column) {
      if (rows_->is_null(column, next_)) {
        pg::append_null(out);
      } else {
        TRY(append(column, out));
      }
    }
    return {};
  }

  void append_text(std::size_t column, std::string& out) const {
    const auto start = out.size();
    pg::append_u32(out, 0);
    rows_->append_text(column, next_, out);
    const auto size = __builtin_bswap32(static_cast<std::uint32_t>(out.size() - start - 4));
    __builtin_memcpy(out.data() + start, &size, 4);
  }

  base::Result<> append(std::size_t column, std::string& out) const {
    switch (forms_[column]) {
      case Form::kText:
      case Form::kBinaryText:
        append_text(column, out);
        return {};
      case Form::kArrayText:
        pg::append_value(out, pg::array_text(rows_->elements(column, next_)));
        return {};
      case Form::kArrayBinary:
        return pg::append_binary_array(out, pg::array_element(columns_[column].type),
                                       rows_->elements(column, next_));
      case Form::kFloat4:
        pg::append_binary_float4(out, static_cast<float>(rows_->double_at(column, next_)));
        return {};
      case Form::kFloat8:
        pg::append_binary_float8(out, rows_->double_at(column, next_));
        return {};
      case Form::kFromText: {
        std::string text;
        rows_->append_text(column, next_, text);
        return pg::append_binary(out, columns_[column].type, text);
      }
      default:
        append_int(forms_[column], rows_->int_at(column, next_), out);
        return {};
    }
  }

  static void append_int(Form form, std::int64_t value, std::string& out) {
    switch (form) {
      case Form::kInt2:
        return pg::append_binary_int2(out, static_cast<std::int16_t>(value));
      case Form::kInt4:
        return pg::append_binary_int4(out, static_cast<std::int32_t>(value));
      case Form::kBool:
        return pg::append_binary_bool(out, value != 0);
      case Form::kDate:
        return pg::append_binary_date(out, static_cast<std::int32_t>(value));
      case Form::kTimestamp:
        return pg::append_binary_timestamp(out, value);
      default:
        return pg::append_binary_int8(out, value);
    }
  }

  std::unique_ptr<sql::RowStream> rows_;
  const std::vector<pg::ColumnDescription> columns_;
  const RunFetch run_;
  std::vector<Form> forms_;
  std::size_t next_ = 0;
  std::size_t there_ = 0;  // rows of the stream's piece
  bool done_ = false;
};

}  // namespace

std::unique_ptr<pg::Rows> make_rows(std::unique_ptr<sql::RowStream> result,
                                    std::vector<pg::ColumnDescription> columns, RunFetch run) {
  return std::make_unique<StreamedRows>(std::move(result), std::move(columns), std::move(run));
}

}  // namespace server
