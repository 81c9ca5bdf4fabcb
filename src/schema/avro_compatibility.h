// Which data of an Avro schema another one cannot read.
// Source: Apache Avro 1.12 specification, "Schema Resolution"; its SchemaCompatibility.
//
// Pure.
#pragma once

#include "schema/avro_schema.h"
#include "schema/compatibility.h"

namespace schema {

Verdict check_avro(const AvroSchema& reader, const AvroSchema& writer);

// A value of the schema in Avro's JSON form: `seed` 0 the plainest, others by chance.
nlohmann::json avro_example(const AvroNode& schema, std::uint64_t seed);

}  // namespace schema
