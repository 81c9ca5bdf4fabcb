// Record batches of one topic to rows of its bronze table (bronze_schema), the hottest loop of all.
//
// Threads: one at a time; different topics side by side.
// Invariant: every record that is taken is one row, whatever is in it; a record that does not fit
// its schema has `_error` set ("field: reason; field: reason") and null where a field is bad.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "log/record_batch.h"
#include "schema/topic_schema.h"

namespace schema {

class BronzeDecoder {
 public:
  explicit BronzeDecoder(const TopicSchema& topic);

  // Takes the records with from <= offset < to. The batch's bytes are copied, not kept. kCorrupt
  // for broken batches (then nothing of this one is taken). Control batches carry no records.
  // kConflict when a record's schema has columns that the topic lacks and the topic evolves: then
  // nothing of this one is taken either, and a decoder for the evolved topic has to go on.
  // kUnavailable when the topic's registry cannot say what a schema is: nothing of this one is
  // taken either, for what its rows are must not depend on when they are read.
  base::Result<> add(std::int32_t partition, std::span<const std::byte> batch,
                     eventlog::Offset from, eventlog::Offset to);

  std::size_t rows() const { return offsets_.size(); }
  // About the size of what take() gives; a caller takes before one text column could overflow
  // (columns::kColumnTextBytesMax).
  std::size_t bytes() const;
  // The rows so far, in the order in which they came; the decoder is empty again.
  columns::Batch take();
  // Gives back a batch of take() that nobody needs any more, so that its memory is used again:
  // fresh memory costs as much as the decoding. Only while there are no rows.
  void recycle(columns::Batch batch);

 private:
  // How a run of records is to be read: by the topic's own format, or as its headers say.
  struct Reader {
    std::unique_ptr<columns::Decoder> decoder;
    std::string error;         // why no decoder can be made
    bool checks_utf8 = false;  // a record without an error of the whole is UTF-8
  };

  void append_record(std::int32_t partition, const eventlog::RecordView& record);
  Reader& reader_for(const eventlog::RecordView& record);
  Reader make_reader(std::string_view format, std::string_view columns) const;
  void decode_pending();
  void append_errors(std::size_t first_row);
  void append_raw(std::size_t first_row);
  std::array<columns::Column*, 9> front();
  void truncate(std::size_t rows);
  void look_at_schema(const eventlog::RecordView& record);

  // The topic's registry, which keeps in mind that it could not be asked.
  class Watched;
  std::shared_ptr<Watched> watched_;  // null without a registry
  TopicSchema topic_;
  columns::Schema bronze_;
  std::string schema_id_;
  Reader own_reader_;
  std::map<std::string, Reader, std::less<>> readers_;  // by format and columns header

  columns::Column topics_, partitions_, offsets_, times_, keys_, schemas_, headers_, raws_, errors_;
  columns::Batch fields_;
  // Values that wait for one call of the decoder.
  Reader* pending_reader_ = nullptr;
  std::vector<std::string_view> pending_;
  std::vector<columns::RowError> row_errors_;
  std::string scratch_;
  std::set<std::int32_t> known_ids_;  // schemas that bring no further columns
  std::int32_t last_id_ = -1;
  std::optional<base::Error> evolution_;
};

}  // namespace schema
