#include "lake/applications.h"

#include "lake/snapshot.h"

namespace lake {

std::vector<std::string> applications(const Snapshot& snapshot) {
  return dynamic_cast<const StateSnapshot&>(snapshot).applications();
}

}  // namespace lake
