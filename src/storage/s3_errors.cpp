#include "storage/s3_errors.h"

#include <fmt/format.h>

#include <cstdlib>

#include "storage/s3_xml.h"

namespace storage {
namespace {

using base::Code;
using base::Error;

std::string header(const HttpAnswer& answer, const char* name) {
  const auto it = answer.headers.find(name);
  return it == answer.headers.end() ? std::string() : it->second;
}

std::string mend_of_clock(const S3Question& question, const HttpAnswer& answer) {
  const auto theirs = parse_http_date(header(answer, "date"));
  if (!theirs) return "set this machine's clock right, for example with timedatectl set-ntp true";
  const std::int64_t ahead_s = (question.now_us - *theirs) / base::kUsPerSecond;
  return fmt::format(
      "this machine's clock is {} s {} the server's: set it right, for example with timedatectl "
      "set-ntp true",
      std::abs(ahead_s), ahead_s > 0 ? "ahead of" : "behind");
}

// Of 400 to 403: who asks, and how.
std::string mend_of_refusal(const S3Question& question, const HttpAnswer& answer,
                            const std::string& code) {
  if (code == "InvalidAccessKeyId")
    return "look at the key id: AWS_ACCESS_KEY_ID, or the profile's aws_access_key_id";
  if (code == "SignatureDoesNotMatch")
    return "look at the secret key: AWS_SECRET_ACCESS_KEY, or the profile's aws_secret_access_key";
  if (code == "RequestTimeTooSkewed" || code == "RequestExpired")
    return mend_of_clock(question, answer);
  if (code == "ExpiredToken" || code == "InvalidToken")
    return "the temporary keys are over: fetch new ones";
  if (answer.status != 401 && answer.status != 403 && answer.status != 404) return "";
  return fmt::format(
      "give these keys s3:ListBucket on the bucket {0}, and s3:GetObject, s3:PutObject, "
      "s3:DeleteObject and s3:AbortMultipartUpload below it; or look at the keys "
      "(AWS_ACCESS_KEY_ID, or the profile) and the clock",
      question.bucket);
}

Error not_found(const S3Question& question, const S3Error& said) {
  if (said.code == "NoSuchBucket") {
    return {.code = Code::kNotFound,
            .message = fmt::format("there is no bucket {}", question.bucket),
            .mend = "create it, or name another one in 'lake: s3://bucket/prefix'"};
  }
  return {.code = Code::kNotFound,
          .message = fmt::format("there is no object s3://{}/{}", question.bucket, question.key)};
}

}  // namespace

bool is_passing(int status) {
  return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 ||
         status == 504;
}

Error to_error(const S3Question& question, const HttpAnswer& answer) {
  const S3Error said = parse_s3_error(answer.body);
  const std::string what =
      fmt::format("{} of s3://{}/{} was answered {} {}: {}", question.method, question.bucket,
                  question.key, answer.status, said.code, said.message);
  const std::string wanted =
      said.region.empty() ? header(answer, "x-amz-bucket-region") : said.region;
  const bool elsewhere = answer.status / 100 == 3 || answer.status == 400 || answer.status == 403;
  if (elsewhere && !wanted.empty() && wanted != question.region) {
    return {.code = Code::kInvalid,
            .message = what,
            .mend = fmt::format("the bucket is in region {}: write 'region: {}' below 's3:'",
                                wanted, wanted)};
  }
  if (said.code == "NoSuchUpload" || said.code == "InvalidPart" || said.code == "InvalidPartOrder")
    return {.code = Code::kConflict, .message = what};
  // Some servers answer so to what else they do not know, such as who asks.
  const bool object = said.code.empty() || said.code == "NoSuchKey" || said.code == "NotFound" ||
                      said.code == "NoSuchBucket" || said.code == "NoSuchVersion";
  if (answer.status == 404 && object) return not_found(question, said);
  if (answer.status == 412) {
    return {.code = Code::kAlreadyExists,
            .message = fmt::format("the object s3://{}/{} exists", question.bucket, question.key)};
  }
  if (answer.status == 501) return {.code = Code::kUnsupported, .message = what};
  return {.code = is_passing(answer.status) ? Code::kUnavailable : Code::kInvalid,
          .message = what,
          .mend = mend_of_refusal(question, answer, said.code)};
}

}  // namespace storage
