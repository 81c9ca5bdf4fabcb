#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "base/crc32c.h"
#include "log/embedded_log.h"
#include "log/group_fixture.h"
#include "log/transactions.h"

namespace eventlog {
namespace {

class TransactionTest : public testing::Test {
 protected:
  void SetUp() override { open(); }
  void TearDown() override { close(); }
  void open() {
    auto log = open_embedded_log(*disk_, clock_, {.directory = "log"});
    ASSERT_OK(log);
    log_ = *std::move(log);
    groups_ = std::make_unique<GroupCoordinator>(clock_, log_->offsets());
    auto opened =
        TransactionCoordinator::open(*disk_, clock_, *log_, log_->offsets(), *groups_, options_);
    ASSERT_OK(opened);
    transactions_ = *std::move(opened);
    if (!log_->topic("scans")) ASSERT_OK(log_->create_topic({.name = "scans", .partitions = 2}));
  }
  void close() {
    transactions_.reset();
    groups_.reset();
    log_.reset();
  }
  void lose_power() {
    auto next = disk_->after_power_cut(++seed_);
    close();
    disk_ = std::move(next);
    open();
  }
  template <class T>
  T wait(const std::function<void(std::function<void(T)>)>& start) {
    std::promise<T> promise;
    start([&promise](T value) { promise.set_value(std::move(value)); });
    return promise.get_future().get();
  }
  InitAnswer init(const InitCall& call) {
    return wait<InitAnswer>(
        [&](auto done) { transactions_->init_producer_id(call, std::move(done)); });
  }
  // As a client: until no transaction is in the way.
  ProducerCall come(const std::string& id, InitCall call = {}) {
    call.transactional_id = id;
    call.transaction_timeout_ms = kTimeoutMs;
    for (int i = 0; i < 200; ++i) {
      const InitAnswer answer = init(call);
      if (answer.error == E::kConcurrentTransactions) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        continue;
      }
      EXPECT_EQ(answer.error, E::kNone);
      return {id, answer.producer_id, answer.producer_epoch};
    }
    ADD_FAILURE() << "it never came in";
    return {};
  }
  E add(const ProducerCall& call, const TopicPartition& at) {
    return wait<E>([&](auto done) { transactions_->add_partitions(call, {at}, std::move(done)); });
  }
  E add_group(const ProducerCall& call, const std::string& group) {
    return wait<E>([&](auto done) { transactions_->add_offsets(call, group, std::move(done)); });
  }
  E commit_offset(const ProducerCall& call, const MemberCall& who, Offset offset) {
    return wait<std::vector<E>>([&](auto done) {
             transactions_->commit_offsets(call, who, {{scans_, {offset, -1, "", 0}}},
                                           std::move(done));
           })
        .at(0);
  }
  E end(const ProducerCall& call, bool commit) {
    return wait<E>([&](auto done) { transactions_->end(call, commit, std::move(done)); });
  }
  E write(const ProducerCall& call, const TopicPartition& at, const std::string& value,
          std::int32_t sequence) {
    BatchBuilder builder;
    builder.add(std::nullopt, value, 1'000);
    builder.set_producer(call.producer_id, call.producer_epoch, sequence);
    builder.set_transactional();
    auto batch = builder.finish();
    std::promise<bool> stored;
    const E error = transactions_->write(call.producer_id, call.producer_epoch, at, [&] {
      log_->store(at, std::move(batch), [&](const base::Result<AppendResult>& result, Refusal) {
        EXPECT_TRUE(result.has_value()) << result.error().to_string();
        stored.set_value(true);
      });
    });
    if (error == E::kNone) stored.get_future().get();
    return error;
  }
  std::string state(const std::string& id) const {
    const auto described = transactions_->describe(id);
    return described ? described->state : "";
  }
  void pass_ms(std::int64_t ms) {
    for (; ms > 0; ms -= 1'000) {
      clock_.advance_us(std::min<std::int64_t>(ms, 1'000) * base::kUsPerMs);
      transactions_->tick();
    }
  }
  void wait_for_state(const std::string& id, const std::string& wanted) {
    for (int i = 0; i < 400 && state(id) != wanted; ++i) {
      clock_.advance_us(50 * base::kUsPerMs);
      transactions_->tick();
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    EXPECT_EQ(state(id), wanted);
  }
  std::vector<std::string> committed(int partition = 0) const {
    std::vector<std::string> values;
    for (Offset offset = 0;;) {
      const auto read = log_->read({"scans", partition}, offset, 1UL << 20);
      EXPECT_TRUE(read.has_value());
      for (const auto batch : read->batches) {
        EXPECT_TRUE(for_each_record(batch, [&](const RecordView& record) {
                      values.emplace_back(record.value);
                    }).has_value());
      }
      if (read->next_offset == offset) return values;
      offset = read->next_offset;
    }
  }
  Offset stable_offset(std::size_t partition = 0) const {
    return log_->topic("scans")->stable_offsets.at(partition);
  }
  // Opens a transaction with one record.
  ProducerCall begin(const std::string& id, const std::string& value, std::int32_t sequence = 0) {
    const ProducerCall call = come(id);
    EXPECT_EQ(add(call, scans_), E::kNone);
    EXPECT_EQ(write(call, scans_, value, sequence), E::kNone);
    return call;
  }

  static constexpr std::int32_t kTimeoutMs = 10'000;
  unsigned seed_ = 1;
  std::unique_ptr<SimulatedDisk> disk_ = std::make_unique<SimulatedDisk>(1);
  base::ManualClock clock_{1'700'000'000 * base::kUsPerSecond};
  TransactionOptions options_;
  std::unique_ptr<EmbeddedLog> log_;
  std::unique_ptr<GroupCoordinator> groups_;
  std::unique_ptr<TransactionCoordinator> transactions_;
  const TopicPartition scans_{"scans", 0};
  const TopicPartition other_{"scans", 1};
};

using Values = std::vector<std::string>;

TEST_F(TransactionTest, ShowsRecordsOfAllPartitionsAndOffsetsOnlyAfterTheCommit) {
  const ProducerCall call = begin("t", "a");
  ASSERT_EQ(add(call, other_), E::kNone);
  ASSERT_EQ(write(call, other_, "b", 0), E::kNone);
  ASSERT_EQ(add_group(call, "g"), E::kNone);
  ASSERT_EQ(commit_offset(call, {"g", -1, "", {}}, 7), E::kNone);
  EXPECT_EQ(committed(), Values{});
  EXPECT_FALSE(groups_->fetch("g", scans_, false).committed);
  EXPECT_EQ(stable_offset(), 0);
  ASSERT_EQ(end(call, true), E::kNone);
  EXPECT_EQ(committed(0), Values{"a"});
  EXPECT_EQ(committed(1), Values{"b"});
  EXPECT_EQ(groups_->fetch("g", scans_, true).committed->offset, 7);
  EXPECT_EQ(state("t"), "CompleteCommit");
  EXPECT_EQ(stable_offset(), 2) << "the record and the mark";
}

TEST_F(TransactionTest, ShowsNothingOfWhatWasAborted) {
  const ProducerCall call = begin("t", "a");
  ASSERT_EQ(add_group(call, "g"), E::kNone);
  ASSERT_EQ(commit_offset(call, {"g", -1, "", {}}, 7), E::kNone);
  ASSERT_EQ(end(call, false), E::kNone);
  EXPECT_EQ(committed(), Values{});
  EXPECT_EQ(groups_->fetch("g", scans_, true).error, E::kNone);
  EXPECT_FALSE(groups_->fetch("g", scans_, true).committed);
  ASSERT_EQ(add(call, scans_), E::kNone) << "the next one, under the same epoch";
  ASSERT_EQ(write(call, scans_, "b", 1), E::kNone);
  ASSERT_EQ(end(call, true), E::kNone);
  EXPECT_EQ(committed(), Values{"b"});
}

TEST_F(TransactionTest, AnswersARepeatedEndAsTheFirstAndNoOther) {
  const ProducerCall call = begin("t", "a");
  ASSERT_EQ(end(call, true), E::kNone);
  EXPECT_EQ(end(call, true), E::kNone);
  EXPECT_EQ(end(call, false), E::kInvalidTxnState);
  const ProducerCall fresh = come("u");
  EXPECT_EQ(end(fresh, true), E::kInvalidTxnState);
  EXPECT_EQ(end(fresh, false), E::kInvalidTxnState);
}

TEST_F(TransactionTest, RefusesWritesOutsideOfAnOpenTransaction) {
  const ProducerCall call = come("t");
  EXPECT_EQ(write(call, scans_, "a", 0), E::kInvalidTxnState) << "nothing was added";
  ASSERT_EQ(add(call, scans_), E::kNone);
  EXPECT_EQ(write(call, other_, "a", 0), E::kInvalidTxnState) << "another partition was";
  ASSERT_EQ(write(call, scans_, "a", 0), E::kNone);
  ASSERT_EQ(end(call, true), E::kNone);
  EXPECT_EQ(write(call, scans_, "late", 1), E::kInvalidTxnState);
  EXPECT_EQ(write({"t", 4711, 0}, scans_, "b", 0), E::kInvalidProducerIdMapping);
  EXPECT_EQ(write({"t", call.producer_id, 9}, scans_, "b", 0), E::kInvalidProducerEpoch);
  EXPECT_EQ(committed(), Values{"a"});
}

TEST_F(TransactionTest, RefusesCallsOfStrangers) {
  const ProducerCall call = come("t");
  EXPECT_EQ(add({"none", call.producer_id, 0}, scans_), E::kInvalidProducerIdMapping);
  EXPECT_EQ(add({"t", 4711, 0}, scans_), E::kInvalidProducerIdMapping);
  EXPECT_EQ(add({"t", call.producer_id, 7}, scans_), E::kProducerFenced);
  EXPECT_EQ(add({"", call.producer_id, 0}, scans_), E::kInvalidRequest);
  EXPECT_EQ(end({"none", call.producer_id, 0}, true), E::kInvalidProducerIdMapping);
  ASSERT_EQ(add(call, scans_), E::kNone);
  EXPECT_EQ(commit_offset(call, {"g", -1, "", {}}, 1), E::kInvalidTxnState) << "no such group yet";
  EXPECT_EQ(init({.transactional_id = "", .transaction_timeout_ms = 1}).error, E::kInvalidRequest);
  EXPECT_EQ(init({.transactional_id = "t", .transaction_timeout_ms = 0}).error,
            E::kInvalidTransactionTimeout);
  EXPECT_EQ(init({.transactional_id = "t", .transaction_timeout_ms = 900'001}).error,
            E::kInvalidTransactionTimeout);
  const InitAnswer idempotent = init({});
  EXPECT_EQ(idempotent.error, E::kNone);
  EXPECT_EQ(idempotent.producer_epoch, 0);
  EXPECT_NE(idempotent.producer_id, call.producer_id);
}

TEST_F(TransactionTest, AbortsAtOnceWhatTheFormerInstanceLeftOpenAndFencesIt) {
  const ProducerCall zombie = begin("t", "zombie");
  const InitAnswer first = init({.transactional_id = "t", .transaction_timeout_ms = kTimeoutMs});
  EXPECT_EQ(first.error, E::kConcurrentTransactions);
  const ProducerCall call = come("t");
  EXPECT_EQ(call.producer_id, zombie.producer_id);
  EXPECT_GT(call.producer_epoch, zombie.producer_epoch);
  EXPECT_EQ(stable_offset(), 2) << "nothing waits for the zombie";
  EXPECT_EQ(end(zombie, true), E::kProducerFenced);
  EXPECT_EQ(add(zombie, scans_), E::kProducerFenced);
  EXPECT_EQ(write(zombie, scans_, "late", 1), E::kInvalidProducerEpoch);
  EXPECT_EQ(init({.transactional_id = "t",
                  .transaction_timeout_ms = kTimeoutMs,
                  .producer_id = zombie.producer_id,
                  .producer_epoch = zombie.producer_epoch})
                .error,
            E::kProducerFenced);
  EXPECT_EQ(committed(), Values{});
}

TEST_F(TransactionTest, AbortsWhatIsOpenForTooLongAndLetsItsProducerGoOn) {
  const ProducerCall late = begin("t", "a");
  pass_ms(kTimeoutMs - 1'000);
  EXPECT_EQ(state("t"), "Ongoing");
  pass_ms(2'000);
  wait_for_state("t", "CompleteAbort");
  EXPECT_EQ(end(late, true), E::kProducerFenced);
  EXPECT_EQ(committed(), Values{});
  const ProducerCall again =
      come("t", {.producer_id = late.producer_id, .producer_epoch = late.producer_epoch});
  EXPECT_EQ(again.producer_id, late.producer_id);
  EXPECT_EQ(again.producer_epoch, late.producer_epoch + 1);
  ASSERT_EQ(add(again, scans_), E::kNone);
  ASSERT_EQ(write(again, scans_, "b", 0), E::kNone);
  ASSERT_EQ(end(again, true), E::kNone);
  EXPECT_EQ(committed(), Values{"b"});
}

TEST_F(TransactionTest, BumpsTheEpochOnceForAProducerThatAsksAgain) {
  const ProducerCall call = come("t");
  const InitCall bump{.producer_id = call.producer_id, .producer_epoch = call.producer_epoch};
  const ProducerCall first = come("t", bump);
  const ProducerCall repeated = come("t", bump);
  EXPECT_EQ(first.producer_epoch, call.producer_epoch + 1);
  EXPECT_EQ(repeated.producer_epoch, first.producer_epoch);
  ASSERT_EQ(add(first, scans_), E::kNone);
  InitCall stale = bump;
  stale.transactional_id = "t";
  stale.transaction_timeout_ms = kTimeoutMs;
  EXPECT_EQ(init(stale).error, E::kProducerFenced);
  EXPECT_EQ(state("t"), "Ongoing") << "a stale call aborts nothing";
}

TEST_F(TransactionTest, KeepsAnOpenTransactionOverAPowerCut) {
  const ProducerCall call = begin("t", "a");
  ASSERT_EQ(add_group(call, "g"), E::kNone);
  ASSERT_EQ(commit_offset(call, {"g", -1, "", {}}, 7), E::kNone);
  lose_power();
  EXPECT_EQ(state("t"), "Ongoing");
  EXPECT_EQ(committed(), Values{});
  EXPECT_EQ(groups_->fetch("g", scans_, true).error, E::kUnstableOffsetCommit);
  ASSERT_EQ(write(call, scans_, "b", 1), E::kNone);
  ASSERT_EQ(end(call, true), E::kNone);
  lose_power();
  wait_for_state("t", "CompleteCommit");  // its last record may be lost: it is carried out again
  EXPECT_EQ(committed(), (Values{"a", "b"}));
  EXPECT_EQ(groups_->fetch("g", scans_, true).committed->offset, 7);
  EXPECT_EQ(end(call, true), E::kNone) << "a repeated end";
}

TEST_F(TransactionTest, TimesOutWhatWasOpenBeforeARestart) {
  begin("t", "a");
  clock_.advance_us(kTimeoutMs * base::kUsPerMs);
  lose_power();
  wait_for_state("t", "CompleteAbort");
  EXPECT_EQ(committed(), Values{});
}

TEST_F(TransactionTest, CarriesOutAfterARestartWhatWasDecided) {
  const ProducerCall call = begin("t", "a");
  ASSERT_EQ(add_group(call, "g"), E::kNone);
  ASSERT_EQ(commit_offset(call, {"g", -1, "", {}}, 7), E::kNone);
  close();
  // As if the power went right after the decision: its record is the last of the file.
  auto text = base::read_file(*disk_, "log/transactions.log");
  ASSERT_OK(text);
  const std::size_t at = text->rfind(R"("state":"Ongoing")");
  ASSERT_NE(at, std::string::npos);
  const std::size_t line = text->rfind('\n', at) + 1;
  std::string body = text->substr(line + 9, text->size() - line - 10);
  body.replace(body.rfind("Ongoing"), 7, "PrepareCommit");
  const auto crc = base::crc32c(std::as_bytes(std::span(body)));
  ASSERT_OK(base::write_file_durably(*disk_, "log/transactions.log",
                                     *text + fmt::format("{:08x} {}\n", crc, body)));
  open();
  EXPECT_EQ(state("t"), "PrepareCommit");
  wait_for_state("t", "CompleteCommit");
  EXPECT_EQ(committed(), Values{"a"});
  EXPECT_EQ(groups_->fetch("g", scans_, true).committed->offset, 7);
  EXPECT_EQ(end(call, true), E::kNone);
}

TEST_F(TransactionTest, DropsOffsetsWhoseTransactionIsNotKnown) {
  ASSERT_TRUE(wait<base::Result<>>([&](auto done) {
                log_->offsets().commit_pending("g", 4711, {{scans_, {5, -1, "", 1}}}, done);
              }).has_value());
  lose_power();
  for (int i = 0; i < 200 && groups_->fetch("g", scans_, true).error != E::kNone; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(groups_->fetch("g", scans_, true).error, E::kNone);
}

TEST_F(TransactionTest, StaysOpenWhenTheDecisionCannotBeWrittenAndEndsLater) {
  const ProducerCall call = begin("t", "a");
  disk_->set_faults({.bytes_max = 1});
  EXPECT_EQ(end(call, true), E::kCoordinatorNotAvailable);
  EXPECT_EQ(state("t"), "Ongoing");
  EXPECT_EQ(committed(), Values{});
  disk_->set_faults({});
  ASSERT_EQ(end(call, true), E::kNone);
  EXPECT_EQ(committed(), Values{"a"});
}

TEST_F(TransactionTest, GivesAFreshProducerIdWhenTheEpochsRunOut) {
  ProducerCall call = come("t");
  const std::int64_t first = call.producer_id;
  close();
  auto text = base::read_file(*disk_, "log/transactions.log");
  ASSERT_OK(text);
  std::string body = text->substr(9, text->find('\n') - 9);
  const std::size_t at = body.find(R"("epoch":0)");
  ASSERT_NE(at, std::string::npos);
  body.replace(at, 9, R"("epoch":32766)");
  const auto crc = base::crc32c(std::as_bytes(std::span(body)));
  ASSERT_OK(base::write_file_durably(*disk_, "log/transactions.log",
                                     fmt::format("{:08x} {}\n", crc, body)));
  open();
  const InitCall bump{.producer_id = first, .producer_epoch = 32766};
  call = come("t", bump);
  EXPECT_NE(call.producer_id, first);
  EXPECT_EQ(call.producer_epoch, 0);
  const ProducerCall repeated = come("t", bump);
  EXPECT_EQ(repeated.producer_id, call.producer_id);
  EXPECT_EQ(repeated.producer_epoch, 0);
  EXPECT_EQ(write({"t", first, 32766}, scans_, "late", 0), E::kInvalidProducerIdMapping);
}

TEST_F(TransactionTest, EndsATransactionWhoseTopicIsGone) {
  const ProducerCall call = begin("t", "a");
  static_cast<void>(log_->delete_topic("scans"));  // this disk cannot rename its folder
  ASSERT_FALSE(log_->topic("scans"));
  EXPECT_EQ(end(call, true), E::kNone);
  EXPECT_EQ(state("t"), "CompleteCommit");
}

TEST_F(TransactionTest, ForgetsIdsThatNobodyUses) {
  options_.id_expiration_us = 3'600 * base::kUsPerSecond;
  close();
  open();
  ASSERT_EQ(end(begin("used", "a"), true), E::kNone);
  begin("open", "b");
  clock_.advance_us(2 * options_.id_expiration_us);
  pass_ms(9'000);  // before the open one is over
  for (int i = 0; i < 13; ++i) {
    clock_.advance_us(5 * base::kUsPerSecond);
    transactions_->tick();
  }
  EXPECT_EQ(state("used"), "");
  EXPECT_NE(state("open"), "");
  come("later");  // what stands before it in the file is durable
  lose_power();
  EXPECT_EQ(state("used"), "");
  EXPECT_EQ(come("used").producer_epoch, 0);
}

TEST_F(TransactionTest, NeverLetsABatchIntoTheLogBehindTheMarkThatEndsItsTransaction) {
  const ProducerCall call = come("t");
  std::int32_t sequence = 0;
  for (int round = 0; round < 30; ++round) {
    ASSERT_EQ(add(call, scans_), E::kNone);
    std::thread writer([&] {
      while (write(call, scans_, std::to_string(sequence), sequence) == E::kNone) ++sequence;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(round % 4));
    EXPECT_EQ(end(call, true), E::kNone);
    writer.join();
    EXPECT_EQ(stable_offset(), log_->topic("scans")->end_offsets.at(0)) << "none is left open";
    EXPECT_EQ(committed().size(), static_cast<std::size_t>(sequence));
  }
}

}  // namespace
}  // namespace eventlog
