// Why a query was stopped.
#include <gtest/gtest.h>

#include "server/postgres_engine.h"

namespace server {
namespace {

using Reason = Running::Reason;
using std::chrono::milliseconds;

struct Query final : Interruptible {
  void interrupt() override { ++interrupts; }
  int interrupts = 0;
};

class RunningTest : public testing::Test {
 protected:
  void time_is_over() { running_.tick(std::chrono::steady_clock::now() + milliseconds(1000)); }
  Running running_;
  Query query_;
};

TEST_F(RunningTest, TheTimeThatIsOverIsTheReason) {
  EXPECT_EQ(running_.begin(query_, milliseconds(10)), Reason::kNone);
  time_is_over();
  EXPECT_EQ(query_.interrupts, 1);
  EXPECT_EQ(running_.end(false), Reason::kTimeout);
}

// The interrupt reaches the query when its rows are given already, and stops the next fetch.
TEST_F(RunningTest, AnInterruptThatComesLateIsNamedInTheNextCall) {
  running_.begin(query_, milliseconds(10));
  time_is_over();
  running_.end(true);
  running_.begin(query_, milliseconds(1));
  EXPECT_EQ(running_.end(false), Reason::kTimeout);
}

TEST_F(RunningTest, AReasonIsOfOneCallOnly) {
  running_.begin(query_, milliseconds(10));
  time_is_over();
  running_.end(true);
  for (int i = 0; i < 2; ++i) {
    running_.begin(query_, milliseconds(0));
    EXPECT_EQ(running_.end(true), Reason::kNone);
  }
  running_.begin(query_, milliseconds(0));
  EXPECT_EQ(running_.end(false), Reason::kNone);
}

TEST_F(RunningTest, ACancelOfTheNextCallIsItsOwnReason) {
  running_.begin(query_, milliseconds(10));
  time_is_over();
  running_.end(true);
  running_.begin(query_, milliseconds(0));
  running_.interrupt(Reason::kCancelled);
  EXPECT_EQ(running_.end(false), Reason::kCancelled);
}

}  // namespace
}  // namespace server
