#include "schema/wire_decoder.h"

#include "base/check.h"

namespace schema {

namespace {

class WireDecoder final : public columns::Decoder {
 public:
  WireDecoder(columns::Schema fields, SchemaType type, std::shared_ptr<const SchemaLookup> lookup)
      : fields_(std::move(fields)),
        type_(type),
        lookup_(std::move(lookup)),
        json_(columns::json_decoder(fields_)) {}

  void decode(std::span<const std::string_view> values, columns::Batch& out,
              std::vector<columns::RowError>& errors) override {
    CHECK(out.columns.size() == fields_.fields.size(), "the batch is not of the decoder's schema");
    for (columns::Column& column : out.columns) column.reserve(out.rows() + values.size());
    unavailable_.clear();
    std::size_t row = out.rows();
    for (const std::string_view value : values) {
      const std::size_t first_error = errors.size();
      std::string reason = decode_one(value, row, out, errors);
      if (reason.empty()) [[likely]] {
        ++row;
        continue;
      }
      for (columns::Column& column : out.columns) column.truncate(row);
      for (columns::Column& column : out.columns) column.append_null();
      errors.resize(first_error);
      errors.push_back({row++, "", std::move(reason)});
    }
  }

 private:
  struct Known {
    std::unique_ptr<RecordPlan> plan;  // null: of JSON, or of no use
    std::string error;
  };

  std::string decode_one(std::string_view value, std::size_t row, columns::Batch& out,
                         std::vector<columns::RowError>& errors) {
    const auto id = wire_id(value);
    if (!id) return id.error().message;
    if (last_ == nullptr || last_id_ != *id) {
      if (const auto down = unavailable_.find(*id); down != unavailable_.end()) return down->second;
      last_ = find(*id);
      last_id_ = *id;
      if (last_ == nullptr) return unavailable_[*id];
    }
    if (!last_->error.empty()) return last_->error;
    const std::string_view body = value.substr(kWireHeaderBytes);
    if (last_->plan == nullptr) return decode_json(body, out, errors);
    std::string reason = last_->plan->decode(body, row, out, errors);
    if (!reason.empty()) return reason;
    for (const std::size_t column : last_->plan->missing()) {
      out.columns[column].append_null();
      if (!fields_.fields[column].nullable)
        errors.push_back({row, fields_.fields[column].name, "missing"});
    }
    return "";
  }

  std::string decode_json(std::string_view body, columns::Batch& out,
                          std::vector<columns::RowError>& errors) {
    const std::size_t first = errors.size();
    json_->decode(std::span(&body, 1), out, errors);
    if (errors.size() == first || !errors.back().field.empty()) return "";
    return errors.back().reason;
  }

  // Null when the registry cannot say now; not remembered beyond this call of decode().
  const Known* find(std::int32_t id) {
    if (const auto known = plans_.find(id); known != plans_.end()) return &known->second;
    if (plans_.size() >= kPlansMax) plans_.clear();
    const auto resolved = lookup_ == nullptr
                              ? base::Result<ResolvedSchema>(base::fail_with(
                                    base::Code::kUnavailable, "no schema registry is there",
                                    "name one by 'registry' in the topic's file"))
                              : lookup_->by_id(id);
    if (!resolved) {
      unavailable_[id] = fmt::format("schema id {}: {}", id, resolved.error().message);
      return nullptr;
    }
    Known known;
    if (resolved->type != type_) {
      known.error = fmt::format("schema id {} is {}, but the topic's records are {}", id,
                                schema_type_name(resolved->type), schema_type_name(type_));
    } else if (auto plan = make(*resolved)) {
      known.plan = *std::move(plan);
    } else {
      known.error = fmt::format("schema id {}: {}", id, plan.error().message);
    }
    return &plans_.emplace(id, std::move(known)).first->second;
  }

  base::Result<std::unique_ptr<RecordPlan>> make(const ResolvedSchema& resolved) const {
    switch (type_) {
      case SchemaType::kAvro:
        return avro_plan(TRY(parse_avro(resolved)), fields_);
      case SchemaType::kProtobuf:
        return protobuf_plan(TRY(parse_protobuf(resolved)), fields_);
      case SchemaType::kJson:
        break;
    }
    return nullptr;
  }

  const columns::Schema fields_;
  const SchemaType type_;
  const std::shared_ptr<const SchemaLookup> lookup_;
  std::unique_ptr<columns::Decoder> json_;
  std::map<std::int32_t, Known> plans_;
  std::map<std::int32_t, std::string> unavailable_;
  const Known* last_ = nullptr;
  std::int32_t last_id_ = 0;
};

}  // namespace

base::Result<std::int32_t> wire_id(std::string_view record) {
  if (record.size() < kWireHeaderBytes || record[0] != 0)
    return base::fail_with(
        base::Code::kInvalid,
        "not in the wire format of a schema registry: a zero byte and a schema id are expected",
        "send records with a serializer of the registry");
  std::uint32_t id = 0;
  for (std::size_t i = 1; i < kWireHeaderBytes; ++i)
    id = id << 8 | static_cast<std::uint8_t>(record[i]);
  return static_cast<std::int32_t>(id);
}

std::string wire_header(std::int32_t id) {
  std::string header(1, '\0');
  const auto bits = static_cast<std::uint32_t>(id);
  for (int shift = 24; shift >= 0; shift -= 8)
    header.push_back(static_cast<char>(bits >> shift & 0xFF));
  return header;
}

std::unique_ptr<columns::Decoder> wire_decoder(columns::Schema fields, SchemaType type,
                                               std::shared_ptr<const SchemaLookup> lookup) {
  return std::make_unique<WireDecoder>(std::move(fields), type, std::move(lookup));
}

}  // namespace schema
