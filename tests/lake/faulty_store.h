// A store on top of another one on which a process dies, or an answer gets lost, at a chosen write.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "storage/object_store.h"

namespace lake_test {

// What happens at the chosen write. A crash makes every later call fail until revive().
enum class Fault {
  kNone,
  kFails,        // nothing is written, the answer says so (kIo)
  kLost,         // it is written, the answer gets lost (kUnavailable)
  kTimedOut,     // nothing is written, nobody knows (kUnavailable)
  kCrashBefore,  // the process dies before it
  kCrashHalf,    // while it writes: half of the bytes, where the store allows that
  kCrashAfter,   // after it, before the answer
};

class FaultyStore final : public storage::ObjectStore {
 public:
  explicit FaultyStore(storage::ObjectStore& real) : real_(real) {}

  // The write after `writes` more ones meets the fault.
  void arm(int writes, Fault fault) {
    left_ = writes;
    fault_ = fault;
  }
  bool armed() const { return fault_ != Fault::kNone; }
  bool dead() const { return dead_; }
  // Before the next version's files are synced, or its own is created: another process may be
  // first.
  void before_commit(std::function<void()> run) { before_commit_ = std::move(run); }
  void revive() {
    dead_ = false;
    fault_ = Fault::kNone;
    before_commit_ = nullptr;
  }

  base::Result<std::string> get(const std::string& key) override {
    return dead_ ? died() : real_.get(key);
  }
  base::Result<> put(const std::string& key, std::string_view data) override {
    return write([&] { return real_.put(key, data); },
                 [&] { static_cast<void>(real_.put(key, data.substr(0, data.size() / 2))); });
  }
  base::Result<> put_if_absent(const std::string& key, std::string_view data) override {
    if (!dead_ && before_commit_) std::exchange(before_commit_, nullptr)();
    // The store creates whole objects: there is no half of one.
    return write([&] { return real_.put_if_absent(key, data); }, [] {});
  }
  base::Result<> remove(const std::string& key) override {
    return write([&] { return real_.remove(key); }, [] {});
  }
  base::Result<storage::ObjectInfo> head(const std::string& key) override {
    if (dead_) return died();
    return real_.head(key);
  }
  base::Result<std::vector<storage::ObjectInfo>> list(const std::string& prefix,
                                                      const std::string& start_after) override {
    if (dead_) return died();
    return real_.list(prefix, start_after);
  }
  base::Result<std::vector<std::string>> folders(const std::string& prefix) override {
    if (dead_) return died();
    return real_.folders(prefix);
  }
  std::string url(const std::string& key) const override { return real_.url(key); }
  bool keeps_copies() const override { return real_.keeps_copies(); }
  base::Result<storage::Hold> fetch(const std::vector<std::string>& keys) override {
    if (dead_) return died();
    return real_.fetch(keys);
  }
  base::Result<> prepare(const std::string& key) override {
    return write([&] { return real_.prepare(key); }, [] {});
  }
  base::Result<> sync(const std::vector<std::string>& keys) override {
    if (!dead_ && before_commit_) std::exchange(before_commit_, nullptr)();
    // What was not synced may be cut after a crash.
    return write([&] { return real_.sync(keys); },
                 [&] {
                   for (const std::string& key : keys) {
                     std::error_code error;
                     const auto size = std::filesystem::file_size(real_.url(key), error);
                     if (!error) std::filesystem::resize_file(real_.url(key), size / 2, error);
                   }
                 });
  }

 private:
  static std::unexpected<base::Error> died() {
    return base::fail(base::Code::kIo, "simulated: the process is dead");
  }

  template <class Write, class Half>
  base::Result<> write(Write run, Half half) {
    if (dead_) return died();
    if (fault_ == Fault::kNone || left_-- > 0) return run();
    const Fault fault = std::exchange(fault_, Fault::kNone);
    dead_ =
        fault == Fault::kCrashBefore || fault == Fault::kCrashHalf || fault == Fault::kCrashAfter;
    if (fault == Fault::kCrashHalf) half();
    if (fault == Fault::kLost || fault == Fault::kCrashAfter) {
      // A create that finds the name taken is answered for by the store itself.
      if (auto done = run(); !done && !dead_) return done;
    }
    if (dead_) return died();
    if (fault == Fault::kFails) return base::fail(base::Code::kIo, "simulated: it failed");
    return base::fail(base::Code::kUnavailable, "simulated: the answer got lost");
  }

  storage::ObjectStore& real_;
  Fault fault_ = Fault::kNone;
  int left_ = 0;
  bool dead_ = false;
  std::function<void()> before_commit_;
};

}  // namespace lake_test
