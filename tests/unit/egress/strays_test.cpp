// Placeholders where they have no business, however they are spelt and cut into pieces.
#include "egress/strays.hpp"

#include <gtest/gtest.h>

namespace brig::egress {
namespace {

class Strays : public testing::Test {
 protected:
  Strays() : all(1) {
    CredentialText text;
    text.host = "api.test";
    text.value = "$vault:KEY";
    text.header = "x-api-key";
    EXPECT_FALSE(read_credential(text, all[0].rule));
    all[0].placeholder = p = new_placeholder();
  }
  // As the password of `user`.
  std::string basic(const std::string& user) const {
    auto rule = all[0].rule;
    rule.place = Credential::Place::basic;
    rule.name = user;
    return std::string(as_sent(rule, Secret(p)).reveal());
  }
  static std::string escaped(std::string_view text) {
    std::string out;
    for (char c : text) {
      char one[4];
      std::snprintf(one, sizeof one, "%%%02x", static_cast<unsigned char>(c));
      out += one;
    }
    return out;
  }
  std::vector<std::string> spellings() const {
    return {p,          escaped(p),  "%62" + p.substr(1), p.substr(0, 40) + escaped(p.substr(40)),
            basic("a"), basic("me"), basic("who")};
  }
  static std::string request(const std::string& what) {
    return "GET / HTTP/1.1\r\nHost: evil.test\r\nx: " + what + "\r\n\r\n";
  }
  std::optional<std::string> in(const std::string& text, const Target& target) const {
    return StraySearch(all, target).next(text);
  }

  std::vector<Entrusted> all;
  std::string p;
  Target home = *read_target("api.test:443"), other = *read_target("evil.test:80");
};

TEST_F(Strays, AreSeenInEverySpellingAndWhereverTheyAreCut) {
  for (const auto& spelling : spellings()) {
    auto text = std::string(300, 'a') + "\r\n" + request(spelling) + std::string(300, 'z');
    EXPECT_EQ(in(text, other), "KEY") << spelling;
    EXPECT_EQ(in(text, home), std::nullopt) << spelling;
    for (std::size_t cut = 1; cut < text.size(); ++cut) {
      StraySearch search(all, other);
      auto first = search.next(text.substr(0, cut));
      EXPECT_EQ(first ? first : search.next(text.substr(cut)), "KEY") << spelling << " at " << cut;
    }
    StraySearch search(all, other);
    std::size_t found = 0;
    for (char c : text) found += search.next({&c, 1}).has_value();
    EXPECT_GE(found, 1u) << spelling;
  }
}

TEST_F(Strays, AreThoseOfOtherSessionsToo) {
  EXPECT_EQ(in(request(new_placeholder()), other), "");
  EXPECT_EQ(in(request(new_placeholder()), home), "");
  auto upper = p;
  upper[20] = 'Z';
  for (const auto& none :
       {std::string("brig-placeholder-of-a-kind"), p.substr(0, p.size() - 1), upper, std::string("%%%zz%6"),
        std::string(100, '%'), std::string("YnJpZy1wbGFjZWhvbGRlci0")})
    EXPECT_FALSE(in(request(none), other)) << none;
}

}  // namespace
}  // namespace brig::egress
