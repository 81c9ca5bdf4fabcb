// A schema registry elsewhere, by its REST API.
//
// Schemas by id never change and are kept (kRemoteSchemasMax of them); everything else is asked for.
// A registry that does not answer is asked again, kRemoteTries times with growing pauses, before
// kUnavailable. Threads: any.
#pragma once

#include <memory>
#include <string>

#include "schema/schema_document.h"

namespace sources {

inline constexpr std::size_t kRemoteSchemasMax = 10'000;
inline constexpr std::size_t kRemoteAnswerMax = 16UL << 20;  // bytes
inline constexpr int kRemoteTries = 5;

std::shared_ptr<const schema::SchemaLookup> remote_registry(const std::string& url);

}  // namespace sources
