// A store on top of another one that fails when told to.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "storage/object_store.h"

namespace lake_test {

// A store whose writes fail when told to: before they take effect, or after.
class FailingStore final : public storage::ObjectStore {
 public:
  enum class Mode { kNever, kBefore, kAfter };
  explicit FailingStore(storage::ObjectStore& real) : real_(real) {}

  // The write after `writes` more ones fails with this code.
  void fail_after(int writes, Mode mode, base::Code code = base::Code::kIo) {
    left_ = writes;
    mode_ = mode;
    code_ = code;
  }
  bool failed() const { return mode_ == Mode::kNever; }
  void heal() { mode_ = Mode::kNever; }

  base::Result<std::string> get(const std::string& key) override { return real_.get(key); }
  base::Result<> put(const std::string& key, std::string_view data) override {
    return write([&] { return real_.put(key, data); });
  }
  base::Result<> put_if_absent(const std::string& key, std::string_view data) override {
    return write([&] { return real_.put_if_absent(key, data); });
  }
  base::Result<> remove(const std::string& key) override {
    return write([&] { return real_.remove(key); });
  }
  base::Result<storage::ObjectInfo> head(const std::string& key) override {
    return real_.head(key);
  }
  base::Result<std::vector<storage::ObjectInfo>> list(const std::string& prefix,
                                                      const std::string& start_after) override {
    return real_.list(prefix, start_after);
  }
  base::Result<std::vector<std::string>> folders(const std::string& prefix) override {
    return real_.folders(prefix);
  }
  std::string url(const std::string& key) const override { return real_.url(key); }
  bool keeps_copies() const override { return real_.keeps_copies(); }
  base::Result<storage::Hold> fetch(const std::vector<std::string>& keys) override {
    return real_.fetch(keys);
  }
  base::Result<> prepare(const std::string& key) override {
    return write([&] { return real_.prepare(key); });
  }
  base::Result<> sync(const std::vector<std::string>& keys) override {
    return write([&] { return real_.sync(keys); });
  }

 private:
  template <class Write>
  base::Result<> write(Write run) {
    const bool fails = mode_ != Mode::kNever && left_-- == 0;
    if (!fails) return run();
    const Mode mode = std::exchange(mode_, Mode::kNever);
    if (mode == Mode::kAfter) {
      if (auto done = run(); !done) return done;
    }
    return base::fail(code_, "simulated failure");
  }

  storage::ObjectStore& real_;
  Mode mode_ = Mode::kNever;
  int left_ = 0;
  base::Code code_ = base::Code::kIo;
};

}  // namespace lake_test
