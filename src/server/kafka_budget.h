// The memory that requests under way may take together; whoever finds no room waits.
//
// Threads: any. Invariant: a request larger than the whole budget gets its turn alone.
#pragma once

#include <deque>
#include <functional>
#include <mutex>

namespace server {

class KafkaBudget {
 public:
  explicit KafkaBudget(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // Gives its part back at its end.
  class Lease {
   public:
    Lease() = default;
    Lease(KafkaBudget& budget, std::size_t bytes) : budget_(&budget), bytes_(bytes) {}
    Lease(Lease&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), bytes_(other.bytes_) {}
    Lease& operator=(Lease&& other) noexcept {
      std::swap(budget_, other.budget_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~Lease() {
      if (budget_ != nullptr) budget_->give_back(bytes_);
    }
    std::size_t bytes() const { return budget_ == nullptr ? 0 : bytes_; }

   private:
    KafkaBudget* budget_ = nullptr;
    std::size_t bytes_ = 0;
  };

  // False when there is no room now or others wait already.
  bool try_take(std::size_t bytes);
  // Calls `taken` from some thread once the bytes are taken, in the order of the calls.
  void take(std::size_t bytes, std::function<void(bool)> taken);
  std::size_t used() const;

 private:
  friend class Lease;
  struct Waiting {
    std::size_t bytes;
    std::function<void(bool)> taken;
  };
  void give_back(std::size_t bytes);
  bool fits(std::size_t bytes) const { return used_ == 0 || used_ + bytes <= bytes_max_; }

  const std::size_t bytes_max_;
  mutable std::mutex mutex_;
  std::size_t used_ = 0;
  std::deque<Waiting> waiting_;
};

}  // namespace server
