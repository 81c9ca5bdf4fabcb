// Which tables this library may read and which it may change. Source: PROTOCOL.md, "Protocol
// Evolution" and "Table Features".
#pragma once

#include "base/result.h"
#include "lake/actions.h"

namespace lake {

// kUnsupported names the versions or features that stand in the way.
base::Result<> check_readable(const Protocol& protocol);
base::Result<> check_writable(const Protocol& protocol, const Metadata& metadata);

}  // namespace lake
