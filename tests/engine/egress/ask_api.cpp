// A program in a sandbox that uses an API over TLS, through the proxy inside, and then stays, with all it
// knows in its memory.
//
//   ask_api HOST PORT PATH     sends x-api-key: $API_KEY, prints the answer, waits for the end of its input
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

int main(int argc, char** argv) {
  if (argc != 4) return 64;
  std::string host = argv[1], place = host + ":" + argv[2];
  const char* key = std::getenv("API_KEY");
  int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in proxy{};
  proxy.sin_family = AF_INET;
  proxy.sin_port = htons(3128);
  proxy.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&proxy), sizeof proxy) != 0) return 2;
  std::string text = "CONNECT " + place + " HTTP/1.1\r\nHost: " + place + "\r\n\r\n";
  if (::write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) return 3;
  std::string head;
  char c;
  while (!head.ends_with("\r\n\r\n") && ::read(fd, &c, 1) == 1) head += c;
  if (head.find(" 200 ") == std::string::npos) {
    std::fputs(head.c_str(), stdout);
    return 4;
  }
  auto* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_default_verify_paths(context);  // SSL_CERT_FILE
  auto* tls = SSL_new(context);
  SSL_set_fd(tls, fd);
  SSL_set_tlsext_host_name(tls, host.c_str());
  SSL_set1_host(tls, host.c_str());
  SSL_set_verify(tls, SSL_VERIFY_PEER, nullptr);
  if (SSL_connect(tls) != 1) {
    ERR_print_errors_fp(stdout);
    return 5;
  }
  text = std::string("GET ") + argv[3] + " HTTP/1.1\r\nHost: " + place +
         "\r\nx-api-key: " + (key ? key : "") + "\r\nConnection: close\r\n\r\n";
  if (SSL_write(tls, text.data(), static_cast<int>(text.size())) <= 0) return 6;
  std::string answer;
  char piece[4096];
  for (int n; (n = SSL_read(tls, piece, sizeof piece)) > 0;)
    answer.append(piece, static_cast<std::size_t>(n));
  std::printf("%s\n", answer.c_str());
  std::fflush(stdout);
  while (::read(0, &c, 1) > 0) {
  }
  return 0;
}
