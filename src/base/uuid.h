// Random (version 4) UUIDs, RFC 9562.
#pragma once

#include <string>

namespace base {

std::string new_uuid();

}  // namespace base
