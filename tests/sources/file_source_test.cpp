#include "log/embedded_log.h"
#include "sources/file_source.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "base/compress.h"
#include "log/record_batch.h"

namespace sources {
namespace {

constexpr std::int64_t kSecond = base::kUsPerSecond;

struct Landed {
  std::string value;
  std::map<std::string, std::string> headers;
};

// A project in a folder of its own, with the real log.
class FileSourceTest : public testing::Test {
 protected:
  FileSourceTest() {
    std::string name = (std::filesystem::temp_directory_path() / "waybill-files-XXXXXX").string();
    root_ = mkdtemp(name.data());
    topic_.topic = {.name = "parcels", .partitions = 2};
    topic_.format = schema::Format::kCsv;
    topic_.fields.fields = {{"id", columns::Type::kInt64, false},
                            {"city", columns::Type::kString, true},
                            {"weight", columns::Type::kFloat64, true}};
    topic_.files =
        schema::FileDrop{.folder = "inbox/parcels", .column_fields = {{"Parcel #", "id"}}};
    topic_.file = "sources/parcels.yaml";
    database_ = *sql::Database::open({});
    open_log();
    EXPECT_TRUE(log_->create_topic(topic_.topic));
  }
  ~FileSourceTest() override {
    source_.reset();
    log_.reset();
    std::filesystem::remove_all(root_);
  }

  void open_log() {
    source_.reset();
    log_.reset();
    auto opened = eventlog::open_embedded_log(disk_, clock_, {.directory = root_ / "log"});
    ASSERT_TRUE(opened) << opened.error().to_string();
    log_ = *std::move(opened);
  }

  void open_source(eventlog::EventLog& log) {
    source_ = std::make_unique<FileSource>(
        log, *database_, disk_, clock_, std::vector{topic_},
        FileSourceOptions{.project = root_, .data = root_, .batch_records_max = 10});
    const auto opened = source_->open();
    ASSERT_TRUE(opened) << opened.error().to_string();
  }
  void open_source() { open_source(*log_); }

  void drop(const std::string& name, std::string_view text) {
    std::filesystem::create_directories(root_ / "inbox/parcels");
    std::ofstream(root_ / "inbox/parcels" / name, std::ios::binary) << text;
  }

  // Looks twice, a second and a half apart; the files that were landed.
  int look() {
    int count = 0;
    for (int i = 0; i < 2; ++i) {
      const auto landed = source_->poll();
      EXPECT_TRUE(landed) << landed.error().to_string();
      count += landed.value_or(0);
      clock_.advance_us(kSecond * 3 / 2);
    }
    return count;
  }

  std::vector<Landed> records() {
    std::vector<Landed> all;
    for (int partition = 0; partition < topic_.topic.partitions; ++partition) {
      const auto read = log_->read({"parcels", partition}, 0, 64UL << 20);
      EXPECT_TRUE(read);
      for (const auto batch : read->batches) {
        EXPECT_TRUE(eventlog::for_each_record(batch, [&](const eventlog::RecordView& record) {
          Landed landed{.value = std::string(record.value), .headers = {}};
          for (const auto& header : record.headers)
            landed.headers[std::string(header.key)] = header.value;
          all.push_back(std::move(landed));
        }));
      }
    }
    return all;
  }

  std::vector<std::string> values() {
    std::vector<std::string> result;
    for (const Landed& record : records()) result.push_back(record.value);
    return result;
  }

  std::string problem() {
    const auto problems = source_->problems();
    return problems.empty() ? "" : problems.front().error.to_string();
  }

  base::Path root_;
  base::FileSystem& disk_ = base::posix_file_system();
  base::ManualClock clock_{1'790'000'000LL * kSecond};
  schema::TopicSchema topic_;
  std::unique_ptr<sql::Database> database_;
  std::unique_ptr<eventlog::EventLog> log_;
  std::unique_ptr<FileSource> source_;
};

std::string numbered_rows(int rows) {
  std::string text = "id,city,weight\n";
  for (int i = 1; i <= rows; ++i) text += fmt::format("{},City {},{}.5\n", i, i, i);
  return text;
}

TEST_F(FileSourceTest, LandsAFileOnceItStandsStill) {
  open_source();
  drop("a.csv", "id,city,weight\n1,Berlin,2\n");
  EXPECT_EQ(*source_->poll(), 0);
  clock_.advance_us(kSecond / 2);
  drop("a.csv", "id,city,weight\n1,Berlin,2\n2,Paris,3\n");
  EXPECT_EQ(*source_->poll(), 0);
  clock_.advance_us(kSecond / 2);
  EXPECT_EQ(*source_->poll(), 0);
  clock_.advance_us(kSecond);
  EXPECT_EQ(*source_->poll(), 1);
  const auto landed = records();
  ASSERT_EQ(landed.size(), 2U);
  EXPECT_EQ(landed[1].value, "2,Paris,3");
  EXPECT_EQ(landed[1].headers,
            (std::map<std::string, std::string>{{"file", "a.csv"}, {"line", "3"}}));
  EXPECT_EQ(source_->landed().front().records, 2);
}

TEST_F(FileSourceTest, LandsTheSameContentOnceUnderWhateverName) {
  open_source();
  drop("a.csv", numbered_rows(25));
  EXPECT_EQ(look(), 1);
  drop("b.csv", numbered_rows(25));
  drop("c.csv.gz", *base::compress("gzip", numbered_rows(25)));
  drop("d.csv.zst", *base::compress("zstd", numbered_rows(25)));
  EXPECT_EQ(look(), 0);
  std::filesystem::rename(root_ / "inbox/parcels/a.csv", root_ / "inbox/parcels/z.csv");
  EXPECT_EQ(look(), 0);
  open_source();
  EXPECT_EQ(look(), 0);
  EXPECT_EQ(records().size(), 25U);
}

TEST_F(FileSourceTest, LandsChangedContentAgain) {
  open_source();
  drop("a.csv", numbered_rows(3));
  EXPECT_EQ(look(), 1);
  drop("a.csv", numbered_rows(4));
  EXPECT_EQ(look(), 1);
  EXPECT_EQ(records().size(), 7U);
}

TEST_F(FileSourceTest, LeavesUnfinishedNamesAlone) {
  open_source();
  for (const char* name : {".a.csv", "a.csv.part", "a.csv.tmp"}) drop(name, numbered_rows(1));
  EXPECT_EQ(look(), 0);
  EXPECT_TRUE(records().empty());
}

// The log until its n-th append; then nothing is kept and every append fails, as after a kill.
class DyingLog final : public eventlog::EventLog {
 public:
  DyingLog(eventlog::EventLog& log, int appends, bool keeps_last)
      : log_(log), appends_(appends), keeps_last_(keeps_last) {}
  base::Result<> create_topic(const eventlog::TopicConfig& config) override {
    return log_.create_topic(config);
  }
  base::Result<> delete_topic(const std::string& topic) override {
    return log_.delete_topic(topic);
  }
  base::Result<> alter_topic(const eventlog::TopicConfig& config) override {
    return log_.alter_topic(config);
  }
  base::Result<> add_partitions(const std::string& topic, int partitions) override {
    return log_.add_partitions(topic, partitions);
  }
  base::Result<eventlog::Offset> delete_records(const eventlog::TopicPartition& partition,
                                                eventlog::Offset offset) override {
    return log_.delete_records(partition, offset);
  }
  std::vector<std::string> groups() const override { return log_.groups(); }
  base::Result<eventlog::TopicInfo> topic(const std::string& topic) const override {
    return log_.topic(topic);
  }
  std::vector<eventlog::TopicInfo> topics() const override { return log_.topics(); }
  void append(const eventlog::TopicPartition& partition, std::vector<std::byte> batch,
              eventlog::AppendDone done) override {
    if (appends_-- > 0) return log_.append(partition, std::move(batch), std::move(done));
    const auto died = [done](const base::Result<eventlog::AppendResult>&) {
      done(base::fail(base::Code::kIo, "the process died"));
    };
    if (appends_ == -1 && keeps_last_) return log_.append(partition, std::move(batch), died);
    died({});
  }
  base::Result<eventlog::ReadResult> read(const eventlog::TopicPartition& partition,
                                          eventlog::Offset offset,
                                          std::size_t bytes_max) const override {
    return log_.read(partition, offset, bytes_max);
  }
  bool wait_for_data(
      const std::vector<std::pair<eventlog::TopicPartition, eventlog::Offset>>& positions,
      std::int64_t timeout_us) const override {
    return log_.wait_for_data(positions, timeout_us);
  }
  base::Result<eventlog::Offset> offset_at_time(const eventlog::TopicPartition& partition,
                                                base::TimestampUs time_us) const override {
    return log_.offset_at_time(partition, time_us);
  }
  base::Result<> commit_offsets(
      const std::string& group,
      const std::map<eventlog::TopicPartition, eventlog::Offset>& offsets) override {
    return log_.commit_offsets(group, offsets);
  }
  base::Result<std::map<eventlog::TopicPartition, eventlog::Offset>> committed_offsets(
      const std::string& group) const override {
    return log_.committed_offsets(group);
  }
  std::optional<std::int32_t> last_sequence(const eventlog::TopicPartition& partition,
                                            std::int64_t producer_id) const override {
    return log_.last_sequence(partition, producer_id);
  }

 private:
  eventlog::EventLog& log_;
  int appends_;
  bool keeps_last_;
};

TEST_F(FileSourceTest, GoesOnBehindTheLastKeptRecordAfterACrashBetweenAnyTwoBatches) {
  drop("a.csv", numbered_rows(57));
  for (int round = 0; round < 7; ++round) {
    for (const bool kept_but_not_told : {false, true}) {
      SCOPED_TRACE(fmt::format("crash at append {}, kept: {}", round, kept_but_not_told));
      DyingLog dying(*log_, round, kept_but_not_told);
      open_source(dying);
      look();
      open_log();  // what the crash left is what the log recovers
      open_source();
      look();
      const auto landed = values();
      ASSERT_EQ(landed.size(), 57U);
      for (std::size_t i = 0; i < landed.size(); ++i)
        EXPECT_TRUE(landed[i].starts_with(fmt::format("{},", i + 1)));
      // The next round lands the content into a log that is new.
      source_.reset();
      log_.reset();
      std::filesystem::remove_all(root_ / "log");
      std::filesystem::remove(root_ / "files.json");
      open_log();
      ASSERT_TRUE(log_->create_topic(topic_.topic));
    }
  }
}

TEST_F(FileSourceTest, ReadsUglyCsv) {
  open_source();
  drop("ugly.csv",
       "\xEF\xBB\xBF"
       "weight , Parcel #,colour\r\n2.5,1,red\r\n\r\n3,\"2\",\"two\r\nlines\"\r\n4,3,M\xFCnchen");
  EXPECT_EQ(look(), 1) << problem();
  std::vector<Landed> landed = records();
  ASSERT_EQ(landed.size(), 3U);
  EXPECT_EQ(landed[0].headers["columns"], "weight,id,");
  EXPECT_EQ(landed[1].value, "3,\"2\",\"two\r\nlines\"");
  EXPECT_EQ(landed[1].headers["line"], "4");
  EXPECT_EQ(landed[2].value, "4,3,M\xC3\xBCnchen");
  EXPECT_EQ(landed[2].headers["line"], "6");
}

TEST_F(FileSourceTest, ReadsLatin1AndAnotherSeparatorWhereTheyAreDeclared) {
  topic_.files->encoding = "latin-1";
  topic_.files->separator = ';';
  open_source();
  drop("a.csv", "city;id;weight\nC\xC3\xB4te;1;2\n");
  EXPECT_EQ(look(), 1);
  EXPECT_EQ(values(), std::vector<std::string>{"C\xC3\x83\xC2\xB4te;1;2"});
  EXPECT_EQ(records().front().headers["columns"], "city;id;weight");
}

TEST_F(FileSourceTest, LandsLinesOfJsonInACsvTopicAsJson) {
  open_source();
  drop("a.jsonl", "{\"id\":1}\n\n{\"id\":2}\n");
  EXPECT_EQ(look(), 1);
  const auto landed = records();
  ASSERT_EQ(landed.size(), 2U);
  EXPECT_EQ(landed[1].value, "{\"id\":2}");
  EXPECT_EQ(landed[1].headers, (std::map<std::string, std::string>{
                                   {"file", "a.jsonl"}, {"line", "3"}, {"format", "json"}}));
}

TEST_F(FileSourceTest, LandsParquetRowByRowAsJson) {
  open_source();
  const auto file = root_ / "inbox/parcels/a.parquet";
  const auto connection = *database_->connect();
  const auto written = connection->execute(
      fmt::format("COPY (SELECT range AS \"Parcel #\", 'City ' || range AS city, range / 2 AS "
                  "weight, 'x' AS other FROM "
                  "range(1, 45001)) TO {} (FORMAT parquet, ROW_GROUP_SIZE 10000)",
                  sql::quote_text(file.string())));
  ASSERT_TRUE(written) << written.error().to_string();
  EXPECT_EQ(look(), 1) << problem();
  std::vector<Landed> landed = records();
  ASSERT_EQ(source_->landed().front().records, 45'000);
  ASSERT_FALSE(landed.empty());
  EXPECT_EQ(landed[2].value, R"({"id":3,"city":"City 3","weight":1.5})");
  EXPECT_EQ(landed[2].headers["line"], "3");
  EXPECT_EQ(landed[2].headers["format"], "json");
}

TEST_F(FileSourceTest, NamesTheMissingColumnAndTheNearestAndTriesAgainWhenTheFileChanges) {
  open_source();
  drop("a.csv", "\n\nParcel,city,weight\n1,Berlin,2\n");
  EXPECT_EQ(look(), 0);
  EXPECT_TRUE(records().empty());
  const std::string expected = (root_ / "inbox/parcels/a.csv").string() +
                               ":3: the header has no column 'Parcel #' for the field 'id', which "
                               "is not nullable. Mend: name the column "
                               "'Parcel #', or map it under 'columns:' of sources/parcels.yaml; "
                               "the nearest column is 'Parcel'";
  EXPECT_EQ(problem(), expected);
  EXPECT_EQ(look(), 0);
  drop("a.csv", "Parcel #,city,weight\n1,Berlin,2\n");
  EXPECT_EQ(look(), 1);
  EXPECT_EQ(problem(), "");
}

TEST_F(FileSourceTest, ForgetsTheProblemOfAFileThatWasTakenAway) {
  open_source();
  drop("a.csv", "Parcel,city,weight\n1,Berlin,2\n");
  EXPECT_EQ(look(), 0);
  EXPECT_NE(problem(), "");
  std::filesystem::remove(root_ / "inbox/parcels/a.csv");
  EXPECT_EQ(look(), 0);
  EXPECT_EQ(problem(), "");
}

TEST_F(FileSourceTest, LandsNothingOfAFileThatDoesNotUnpack) {
  open_source();
  std::string packed = *base::compress("gzip", numbered_rows(5000));
  packed.resize(packed.size() / 2);
  drop("a.csv.gz", packed);
  EXPECT_EQ(look(), 0);
  EXPECT_TRUE(problem().contains("does not unpack")) << problem();
  EXPECT_TRUE(records().empty());
}

TEST_F(FileSourceTest, RefusesAJsonArrayWithAMend) {
  open_source();
  drop("a.json", "[{\"id\":1}]");
  EXPECT_EQ(look(), 0);
  EXPECT_TRUE(problem().contains("a.json:1: the file is one JSON array")) << problem();
}

TEST_F(FileSourceTest, TakesFilesWithoutRecords) {
  open_source();
  drop("empty.csv", "");
  drop("header.csv", "id,city,weight\n");
  EXPECT_EQ(look(), 2);
  EXPECT_TRUE(records().empty());
}

}  // namespace
}  // namespace sources
