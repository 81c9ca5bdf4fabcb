#include "schema/bronze.h"

#include <algorithm>

#include "base/check.h"
#include "schema/bronze_text.h"
#include "schema/wire_decoder.h"

namespace schema {
namespace {

using columns::Column;
using columns::Type;

constexpr std::size_t kReadersMax = 64;
constexpr std::int16_t kControlBatch = 1 << 5;

std::string_view header(const eventlog::RecordView& record, std::string_view name) {
  for (const eventlog::HeaderView& h : record.headers) {
    if (h.key == name) return h.value;
  }
  return {};
}

}  // namespace

class BronzeDecoder::Watched final : public SchemaLookup {
 public:
  explicit Watched(std::shared_ptr<const SchemaLookup> registry) : registry_(std::move(registry)) {}

  base::Result<ResolvedSchema> by_id(std::int32_t id) const override {
    return noted(registry_->by_id(id));
  }
  base::Result<std::vector<ResolvedSchema>> versions(const std::string& subject) const override {
    return noted(registry_->versions(subject));
  }

  bool is_away() const { return away_.has_value(); }
  std::optional<base::Error> take_error() { return std::exchange(away_, std::nullopt); }

 private:
  template <class T>
  base::Result<T> noted(base::Result<T> answer) const {
    if (!answer && answer.error().code == base::Code::kUnavailable) away_ = answer.error();
    return answer;
  }

  std::shared_ptr<const SchemaLookup> registry_;
  mutable std::optional<base::Error> away_;  // one thread at a time, as the decoder
};

BronzeDecoder::BronzeDecoder(const TopicSchema& topic)
    : watched_(topic.lookup == nullptr ? nullptr : std::make_shared<Watched>(topic.lookup)),
      topic_(topic),
      bronze_(bronze_schema(topic)),
      schema_id_(topic.id()),
      own_reader_{nullptr, "", topic.format == Format::kJson},
      topics_(Type::kString),
      partitions_(Type::kInt32),
      offsets_(Type::kInt64),
      times_(Type::kTimestamp),
      keys_(Type::kString),
      schemas_(Type::kString),
      headers_(Type::kString),
      raws_(Type::kString),
      errors_(Type::kString),
      fields_(topic.fields) {
  if (watched_ != nullptr) topic_.lookup = watched_;
  own_reader_.decoder = topic_.decoder();
}

base::Result<> BronzeDecoder::add(std::int32_t partition, std::span<const std::byte> batch,
                                  eventlog::Offset from, eventlog::Offset to) {
  const eventlog::OpenBatch opened = TRY(eventlog::open_batch(batch));
  const eventlog::BatchHeader& batch_header = opened.header();
  if ((batch_header.attributes & kControlBatch) != 0) return {};
  const std::size_t before = rows();
  // A record takes seven bytes at least, whatever the header says.
  const auto count = static_cast<std::size_t>(std::max(batch_header.record_count, 0));
  const std::size_t most = before + std::min(count, opened.records().size() / 7);
  for (Column* column : front()) column->reserve(most);
  raws_.reserve_text(raws_.text_bytes() + opened.records().size());
  auto read = eventlog::for_each_record(opened, [&](const eventlog::RecordView& record) {
    if (record.offset >= from && record.offset < to) append_record(partition, record);
  });
  decode_pending();
  if (watched_ != nullptr && watched_->is_away()) {
    truncate(before);
    evolution_.reset();
    last_id_ = -1;
    return std::unexpected(
        (*watched_->take_error()).in(fmt::format("topic {}", topic_.topic.name)));
  }
  if (evolution_) {
    truncate(before);
    return std::unexpected(*std::exchange(evolution_, std::nullopt));
  }
  if (!read) truncate(before);
  return read;
}

void BronzeDecoder::look_at_schema(const eventlog::RecordView& record) {
  const auto id = wire_id(record.value);
  if (!id || *id == last_id_ || (watched_ != nullptr && watched_->is_away())) return;
  last_id_ = *id;
  if (known_ids_.contains(*id) || topic_.lookup == nullptr) return;
  const auto registered = topic_.lookup->by_id(*id);
  if (!registered) return;  // the record's own decoder says why
  const auto more = topic_.lacking(*registered);
  // Columns come from the topic's subject alone, whatever ids its records have.
  TopicSchema evolved = topic_;
  if (!more || more->empty() || !evolved.evolve() || evolved.fields == topic_.fields) {
    if (!watched_->is_away()) known_ids_.insert(*id);
    return;
  }
  last_id_ = -1;
  std::vector<std::string_view> names;
  for (const columns::Field& field : *more) names.push_back(field.name);
  evolution_ = base::Error{.code = base::Code::kConflict,
                           .message = fmt::format("schema {} of topic {} has new columns: {}", *id,
                                                  topic_.topic.name, fmt::join(names, ", "))};
}

void BronzeDecoder::append_record(std::int32_t partition, const eventlog::RecordView& record) {
  Reader& reader = record.headers.empty() ? own_reader_ : reader_for(record);
  if (&reader != pending_reader_) {
    decode_pending();
    pending_reader_ = &reader;
  }
  if (topic_.evolves && &reader == &own_reader_ && !evolution_) look_at_schema(record);
  pending_.push_back(record.value);
  topics_.append_text(topic_.topic.name);
  partitions_.append_int(partition);
  offsets_.append_int(record.offset);
  times_.append_int(record.timestamp_ms * base::kUsPerMs);
  if (record.key) {
    append_text_or_base64(*record.key, keys_, scratch_);
  } else {
    keys_.append_null();
  }
  schemas_.append_text(schema_id_);
  if (record.headers.empty()) {
    headers_.append_null();
  } else {
    scratch_.clear();
    append_headers_json(record.headers, scratch_);
    headers_.append_text(scratch_);
  }
}

BronzeDecoder::Reader& BronzeDecoder::reader_for(const eventlog::RecordView& record) {
  const std::string_view format = header(record, kFormatHeader);
  const std::string_view columns = header(record, kColumnsHeader);
  if (format.empty() && columns.empty()) return own_reader_;
  scratch_.assign(format).push_back('\n');
  scratch_.append(columns);
  if (const auto known = readers_.find(scratch_); known != readers_.end()) return known->second;
  if (readers_.size() >= kReadersMax) {
    decode_pending();
    pending_reader_ = nullptr;
    readers_.clear();
    scratch_.assign(format).push_back('\n');
    scratch_.append(columns);
  }
  return readers_.emplace(scratch_, make_reader(format, columns)).first->second;
}

BronzeDecoder::Reader BronzeDecoder::make_reader(std::string_view format,
                                                 std::string_view columns) const {
  if (format == "json") return {columns::json_decoder(topic_.fields), "", true};
  if (!format.empty() && format != "csv")
    return {nullptr, fmt::format("unknown format '{}' in the headers", format), false};
  const char separator = topic_.files ? topic_.files->separator : ',';
  if (columns.empty()) {
    std::vector<std::string> names;
    for (const columns::Field& field : topic_.fields.fields) names.push_back(field.name);
    return {columns::csv_decoder(topic_.fields, std::move(names), separator), "", false};
  }
  auto names = columns::csv_fields(columns, separator);
  if (!names)
    return {nullptr, fmt::format("the file's column line: {}", names.error().message), false};
  for (std::string& name : *names) {
    if (!topic_.files || topic_.fields.find(name)) continue;
    const auto renamed = topic_.files->column_fields.find(name);
    if (renamed != topic_.files->column_fields.end()) name = renamed->second;
  }
  return {columns::csv_decoder(topic_.fields, std::move(*names), separator), "", false};
}

void BronzeDecoder::decode_pending() {
  if (pending_.empty()) return;
  const std::size_t first_row = errors_.size();
  const std::size_t base = fields_.rows();  // 0 where the topic has no fields yet
  row_errors_.clear();
  if (pending_reader_->decoder != nullptr) {
    pending_reader_->decoder->decode(pending_, fields_, row_errors_);
    for (columns::RowError& error : row_errors_) error.row += first_row - base;
  } else {
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      row_errors_.push_back({first_row + i, "", pending_reader_->error});
      for (Column& column : fields_.columns) column.append_null();
    }
  }
  append_raw(first_row);
  append_errors(first_row);
  pending_.clear();
}

void BronzeDecoder::append_raw(std::size_t first_row) {
  auto error = row_errors_.begin();
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    while (error != row_errors_.end() && error->row < first_row + i) ++error;
    const bool whole_record_bad =
        error != row_errors_.end() && error->row == first_row + i && error->field.empty();
    if (pending_reader_->checks_utf8 && !whole_record_bad) {
      raws_.append_text(pending_[i]);
    } else {
      append_text_or_base64(pending_[i], raws_, scratch_);
    }
  }
}

void BronzeDecoder::append_errors(std::size_t first_row) {
  auto error = row_errors_.begin();
  for (std::size_t row = first_row; row < first_row + pending_.size(); ++row) {
    if (error == row_errors_.end() || error->row != row) {
      errors_.append_null();
      continue;
    }
    scratch_.clear();
    for (; error != row_errors_.end() && error->row == row; ++error) {
      if (!scratch_.empty()) scratch_ += "; ";
      if (!error->field.empty()) scratch_.append(error->field).append(": ");
      scratch_ += error->reason;
    }
    errors_.append_text(scratch_);
  }
}

std::array<Column*, 9> BronzeDecoder::front() {
  return {&topics_,  &partitions_, &offsets_, &times_, &keys_,
          &schemas_, &headers_,    &raws_,    &errors_};
}

void BronzeDecoder::truncate(std::size_t rows) {
  for (Column* column : front()) column->truncate(rows);
  for (Column& column : fields_.columns) column.truncate(rows);
}

std::size_t BronzeDecoder::bytes() const {
  std::size_t total = rows() * 8 * (4 + fields_.columns.size());
  for (const Column* column : {&topics_, &keys_, &schemas_, &headers_, &raws_, &errors_})
    total += column->text_bytes();
  for (const Column& column : fields_.columns) total += column.text_bytes();
  return total;
}

columns::Batch BronzeDecoder::take() {
  columns::Batch batch;
  batch.schema = bronze_;
  batch.columns.reserve(bronze_.fields.size());
  for (Column* column : front())
    batch.columns.push_back(std::exchange(*column, Column(column->type())));
  for (Column& column : fields_.columns) batch.columns.push_back(std::move(column));
  fields_ = columns::Batch(topic_.fields);
  return batch;
}

void BronzeDecoder::recycle(columns::Batch batch) {
  CHECK(rows() == 0 && batch.schema == bronze_, "a batch that is not this decoder's");
  for (Column& column : batch.columns) column.truncate(0);
  std::size_t index = 0;
  for (Column* column : front()) *column = std::move(batch.columns[index++]);
  for (Column& column : fields_.columns) column = std::move(batch.columns[index++]);
}

}  // namespace schema
