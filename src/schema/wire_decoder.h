// Records in the wire format of a schema registry: a zero byte, the schema's id in four bytes
// (big-endian), for Protobuf the message's indexes, then the value.
//
// A record of a schema that nobody knows, or that is not of its schema, is an error of the whole
// record. Threads: one at a time; the lookup is shared.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "columns/decoder.h"
#include "schema/record_plan.h"
#include "schema/schema_document.h"

namespace schema {

inline constexpr std::size_t kWireHeaderBytes = 5;
inline constexpr std::size_t kPlansMax = 1024;  // of one decoder

// The id of a record; kInvalid when it is not in the wire format.
base::Result<std::int32_t> wire_id(std::string_view record);
std::string wire_header(std::int32_t id);

std::unique_ptr<columns::Decoder> wire_decoder(columns::Schema fields, SchemaType type,
                                               std::shared_ptr<const SchemaLookup> lookup);

}  // namespace schema
