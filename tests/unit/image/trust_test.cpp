#include "image/trust.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "core/files.hpp"
#include "core/random.hpp"

namespace brig::image {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::string certificate(const std::string& body) {
  return "-----BEGIN CERTIFICATE-----\n" + body + "\n-----END CERTIFICATE-----\n";
}

class TrustTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(dir_ / "stock" / "deep");
    write("stock/a.crt", certificate("AAAA"));
    write("stock/deep/b.crt", "# with a comment\n" + certificate("BBBB"));
    write("bundle.crt", certificate("AAAA") + certificate("BBBB"));
    places_.bundles = {dir_ / "missing.crt", dir_ / "bundle.crt"};
    places_.stock = dir_ / "stock";
  }
  void TearDown() override { fs::remove_all(dir_); }
  void write(const std::string& name, const std::string& content) { std::ofstream(dir_ / name) << content; }

  fs::path dir_ = fs::temp_directory_path() / ("brig-trust-" + random_hex(6));
  TrustPlaces places_;
};

TEST_F(TrustTest, AutoIsEmptyWhereNothingWasAdded) {
  auto pem = load_trust("auto", places_);
  ASSERT_TRUE(pem) << pem.error().message;
  EXPECT_EQ(*pem, "");
}

TEST_F(TrustTest, AutoIsTheWholeBundleWhereOneWasAdded) {
  write("bundle.crt", certificate("AAAA") + certificate("CC\nCC") + certificate("BBBB"));
  auto pem = load_trust("auto", places_);
  ASSERT_TRUE(pem) << pem.error().message;
  EXPECT_EQ(*pem, certificate("AAAA") + certificate("CCCC") + certificate("BBBB"));
}

TEST_F(TrustTest, AutoTakesTheBundleWhereThereIsNoTelling) {
  places_.stock = dir_ / "nowhere";
  EXPECT_EQ(*load_trust("auto", places_), certificate("AAAA") + certificate("BBBB"));
}

TEST_F(TrustTest, ANamedFileIsAddedToTheHostsBundleWithoutItsKey) {
  write("mine.pem", "-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----\n" + certificate("DDDD") +
                        certificate("BBBB"));
  auto pem = load_trust(dir_ / "mine.pem", places_);
  ASSERT_TRUE(pem) << pem.error().message;
  EXPECT_EQ(*pem, certificate("AAAA") + certificate("BBBB") + certificate("DDDD"));
}

TEST_F(TrustTest, WhatHoldsNoCertificateIsRefused) {
  write("none.pem", "hello\n-----BEGIN CERTIFICATE-----\n<>\n-----END CERTIFICATE-----\n");
  auto pem = load_trust(dir_ / "none.pem", places_);
  ASSERT_FALSE(pem);
  EXPECT_THAT(pem.error().message, HasSubstr("holds no certificate"));
  pem = load_trust(dir_ / "absent.pem", places_);
  ASSERT_FALSE(pem);
  EXPECT_THAT(pem.error().message, HasSubstr("trust.ca_bundle"));
}

TEST_F(TrustTest, NoneIsNoneAndTakesAnOldFileAway) {
  write("bundle.crt", certificate("CCCC"));
  auto file = prepare_trust("auto", dir_ / "ca.crt", places_);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(*file, dir_ / "ca.crt");
  EXPECT_EQ(*read_file(*file, 1000), certificate("CCCC"));
  file = prepare_trust("none", dir_ / "ca.crt", places_);
  ASSERT_TRUE(file);
  EXPECT_TRUE(file->empty());
  EXPECT_FALSE(fs::exists(dir_ / "ca.crt"));
}

TEST_F(TrustTest, ProgramsAreToldInTheirOwnWays) {
  auto env = trust_environment("/run/brig/ca.crt");
  for (auto name :
       {"NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO", "CURL_CA_BUNDLE"})
    EXPECT_EQ(env[name], "/run/brig/ca.crt") << name;
}

}  // namespace
}  // namespace brig::image
