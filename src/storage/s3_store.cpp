#include "storage/s3_store.h"

#include <fmt/format.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "base/metrics.h"
#include "base/uuid.h"
#include "storage/file_cache.h"
#include "storage/key.h"

namespace storage {
namespace {

constexpr const char* kCacheHelp =
    "Files of a lake on S3 that were asked for, by whether a copy was there";
constexpr std::int64_t kCheckDeadlineUs = 10 * base::kUsPerSecond;

class S3Store final : public ObjectStore {
 public:
  S3Store(base::FileSystem& disk, std::unique_ptr<HttpClient> own_http, HttpClient& http,
          CredentialWorld world, RetryWorld retry, const S3StoreOptions& options,
          std::shared_ptr<FileCache> cache)
      : disk_(disk),
        own_http_(std::move(own_http)),
        credentials_(std::move(world)),
        client_(http, credentials_, std::move(retry), options.location, options.client),
        cache_(std::move(cache)) {}

  base::Result<std::string> get(const std::string& key) override {
    TRY(check_key(key));
    if (staged(key)) return base::read_file(disk_, cache_->path(key));
    return client_.get(key);
  }

  base::Result<> put(const std::string& key, std::string_view data) override {
    TRY(check_key(key));
    cache_->drop(key);
    return client_.put(key, data);
  }

  base::Result<> put_if_absent(const std::string& key, std::string_view data) override {
    TRY(check_key(key));
    return client_.put_if_absent(key, data);
  }

  base::Result<> remove(const std::string& key) override {
    TRY(check_key(key));
    const bool only_here = unstage(key);
    cache_->drop(key);
    if (only_here) return {};
    return client_.remove(key);
  }

  base::Result<ObjectInfo> head(const std::string& key) override {
    TRY(check_key(key));
    return client_.head(key);
  }

  base::Result<std::vector<ObjectInfo>> list(const std::string& prefix,
                                             const std::string& start_after) override {
    return client_.list(prefix, start_after);
  }

  base::Result<std::vector<std::string>> folders(const std::string& prefix) override {
    return client_.folders(prefix);
  }

  std::string url(const std::string& key) const override { return cache_->path(key).string(); }

  bool keeps_copies() const override { return true; }

  base::Result<Hold> fetch(const std::vector<std::string>& keys) override {
    Hold hold = cache_->hold(keys);
    std::vector<std::string> missing;
    for (const std::string& key : keys) {
      TRY(check_key(key));
      if (!staged(key) && !cache_->use(key)) missing.push_back(key);
    }
    static auto& used =
        base::counter("waybill_lake_cache_files_total", kCacheHelp, {{"found", "yes"}});
    static auto& brought =
        base::counter("waybill_lake_cache_files_total", kCacheHelp, {{"found", "no"}});
    used.Increment(static_cast<double>(keys.size() - missing.size()));
    brought.Increment(static_cast<double>(missing.size()));
    TRY(for_each(missing, [this](const std::string& key) { return download_once(key); }));
    return hold;
  }

  base::Result<> prepare(const std::string& key) override {
    TRY(check_key(key));
    TRY(disk_.create_directories(cache_->path(key).parent_path()));
    const std::scoped_lock lock(mutex_);
    staged_.insert(key);
    return {};
  }

  base::Result<> sync(const std::vector<std::string>& keys) override {
    return for_each(keys, [this](const std::string& key) -> base::Result<> {
      TRY(check_key(key));
      const auto file = TRY(disk_.open(cache_->path(key), false));
      TRY(client_.upload(key, *file));
      TRY(cache_->keep(key));
      unstage(key);
      return {};
    });
  }

 private:
  bool staged(const std::string& key) {
    const std::scoped_lock lock(mutex_);
    return staged_.contains(key);
  }
  bool unstage(const std::string& key) {
    const std::scoped_lock lock(mutex_);
    return staged_.erase(key) > 0;
  }

  // Several that want the same object wait for the first one's download.
  base::Result<> download_once(const std::string& key) {
    {
      std::unique_lock lock(mutex_);
      downloaded_.wait(lock, [&] { return !downloading_.contains(key); });
      if (cache_->use(key)) return {};
      downloading_.insert(key);
    }
    auto done = download(key);
    {
      const std::scoped_lock lock(mutex_);
      downloading_.erase(key);
    }
    downloaded_.notify_all();
    return done;
  }

  // Beside its place first, so that a reader never meets half a file.
  base::Result<> download(const std::string& key) {
    const base::Path path = cache_->path(key);
    const base::Path beside = path.parent_path() / fmt::format(".{}.tmp", base::new_uuid());
    TRY(disk_.create_directories(path.parent_path()));
    const auto whole = [&]() -> base::Result<> {
      auto file = TRY(disk_.open(beside, true));
      const std::uint64_t bytes = TRY(client_.download(key, *file));
      TRY(file->truncate(bytes));  // an earlier try may have brought more
      return disk_.rename(beside, path);
    };
    if (auto done = whole(); !done) {
      static_cast<void>(disk_.remove(beside));
      return done;
    }
    return cache_->keep(key);
  }

  // `work` for every key, some side by side; the first failure.
  template <class Work>
  base::Result<> for_each(const std::vector<std::string>& keys, Work work) {
    std::atomic<std::size_t> next{0};
    std::mutex mutex;
    base::Result<> result;
    const auto run = [&] {
      for (std::size_t i = next++; i < keys.size(); i = next++) {
        auto done = work(keys[i]);
        if (done) continue;
        const std::scoped_lock lock(mutex);
        if (result) result = std::move(done);
        next = keys.size();
      }
    };
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < std::min(keys.size(), client_.options().threads); ++i)
      threads.emplace_back(run);
    run();
    threads.clear();
    return result;
  }

  base::FileSystem& disk_;
  const std::unique_ptr<HttpClient> own_http_;
  CredentialChain credentials_;
  S3Client client_;
  const std::shared_ptr<FileCache> cache_;
  std::mutex mutex_;
  std::condition_variable downloaded_;
  std::set<std::string> downloading_;
  std::set<std::string> staged_;  // prepared and not yet uploaded
};

}  // namespace

base::Result<std::unique_ptr<ObjectStore>> s3_store_over(base::FileSystem& disk,
                                                         const base::Clock& clock,
                                                         const S3StoreOptions& options,
                                                         HttpClient& http, RetryWorld world,
                                                         CredentialWorld credentials) {
  auto cache =
      TRY(FileCache::open(disk, clock, options.cache, options.cache_bytes_max, kFetchHoldUs));
  return std::make_unique<S3Store>(disk, nullptr, http, std::move(credentials), std::move(world),
                                   options, std::move(cache));
}

base::Result<std::unique_ptr<ObjectStore>> s3_store(base::FileSystem& disk,
                                                    const base::Clock& clock,
                                                    const S3StoreOptions& options) {
  auto cache =
      TRY(FileCache::open(disk, clock, options.cache, options.cache_bytes_max, kFetchHoldUs));
  auto http = curl_client();
  HttpClient& client = *http;
  CredentialWorld world = options.profile.empty()
                              ? real_world(client, clock)
                              : with_profile(real_world(client, clock), options.profile);
  if (options.checks) {
    // Somebody waits for the answer: it is not tried for as long as a write is.
    S3Options hasty = options.client;
    hasty.deadline_us = std::min(hasty.deadline_us, kCheckDeadlineUs);
    CredentialChain chain(world);
    S3Client checker(client, chain, real_retry_world(clock), options.location, hasty);
    TRY(checker.check_conditional_writes());
  }
  return std::make_unique<S3Store>(disk, std::move(http), client, std::move(world),
                                   real_retry_world(clock), options, std::move(cache));
}

}  // namespace storage
