// The lines of a log that there are many of, read without a tree of their values.
//
// Threads: a FastActions by one thread.
#pragma once

#include <memory>
#include <string_view>

#include "lake/actions.h"

namespace lake {

class FastActions {
 public:
  FastActions();
  ~FastActions();
  FastActions(const FastActions&) = delete;
  FastActions& operator=(const FastActions&) = delete;

  // Takes a line that is one ordinary `add` or `remove`. False, and nothing taken, for any other:
  // parse_action() takes those, and says what is wrong.
  bool take(std::string_view line, Commit& into);

 private:
  struct Parser;
  const std::unique_ptr<Parser> parser_;
};

}  // namespace lake
