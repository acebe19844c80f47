#include "http/curl_multi.hpp"

#include <curl/curl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstdlib>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/log.hpp"

namespace brig::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

void check(CURLMcode code) {
  if (code == CURLM_OK) return;
  log::error("libcurl refused a call", {{"what", curl_multi_strerror(code)}});
  std::abort();
}

bool init_curl() {
  // OpenSSL writes to sockets without MSG_NOSIGNAL: a peer that goes away must not take the process with it.
  struct sigaction now {};
  if (::sigaction(SIGPIPE, nullptr, &now) == 0 && now.sa_handler == SIG_DFL) ::signal(SIGPIPE, SIG_IGN);
  return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

void init_curl_once() {
  static const bool ok = init_curl();
  if (!ok) std::abort();
}

}  // namespace

// Asio's handlers hold it weakly: they may run after the CurlMulti is gone.
struct CurlMulti::State : std::enable_shared_from_this<State> {
  // A socket curl waits for. `ours`: opened here, so it stays with the reactor until curl closes it, also
  // while an idle connection has no transfer. Others (the resolver's) are curl's to close behind our back.
  struct Watch {
    Watch(const asio::any_io_executor& executor, int socket) : descriptor(executor, socket), fd(socket) {}
    asio::posix::stream_descriptor descriptor;
    int fd;
    bool ours = false;
    bool reading = false;
    bool writing = false;
    bool gone = false;
    int want = 0;
  };
  using WatchPtr = std::shared_ptr<Watch>;

  explicit State(asio::any_io_executor ex) : executor(std::move(ex)), timer(executor) {}

  asio::any_io_executor executor;
  asio::steady_timer timer;
  CURLM* multi = nullptr;
  std::unordered_map<int, WatchPtr> watches;
  std::unordered_map<void*, Handler*> active;
  // Sockets that are connected already, of the handles that get them.
  struct Given {
    State* state;
    int socket;
  };
  std::unordered_map<void*, std::unique_ptr<Given>> given;
  std::vector<void*> unwatched;  // handles, perhaps gone since
  bool kicked = false;
  int depth = 0;

  struct Inside {
    explicit Inside(State& s) : state(s) { ++state.depth; }
    ~Inside() { --state.depth; }
    State& state;
  };

  WatchPtr watch(int fd) {
    auto& slot = watches[fd];
    if (!slot) slot = std::make_shared<Watch>(executor, fd);
    return slot;
  }

  void forget(int fd) {
    auto it = watches.find(fd);
    if (it == watches.end()) return;
    it->second->gone = true;
    it->second->descriptor.release();
    watches.erase(it);
  }

  void arm(const WatchPtr& w) {
    if ((w->want & CURL_POLL_IN) && !w->reading) {
      w->reading = true;
      w->descriptor.async_wait(asio::posix::descriptor_base::wait_read,
                               [weak = weak_from_this(), w](error_code ec) {
                                 w->reading = false;
                                 ready(weak, w, CURL_POLL_IN, ec ? CURL_CSELECT_ERR : CURL_CSELECT_IN);
                               });
    }
    if ((w->want & CURL_POLL_OUT) && !w->writing) {
      w->writing = true;
      w->descriptor.async_wait(asio::posix::descriptor_base::wait_write,
                               [weak = weak_from_this(), w](error_code ec) {
                                 w->writing = false;
                                 ready(weak, w, CURL_POLL_OUT, ec ? CURL_CSELECT_ERR : CURL_CSELECT_OUT);
                               });
    }
  }

  static void ready(const std::weak_ptr<State>& weak, const WatchPtr& w, int wanted, int what) {
    auto state = weak.lock();
    if (!state || w->gone || !(w->want & wanted)) return;
    state->action(w->fd, what);
    if (!w->gone) state->arm(w);
  }

  // Not from the timer callback itself: that runs inside curl.
  void kick() {
    if (kicked) return;
    kicked = true;
    asio::post(executor, [weak = weak_from_this()] {
      auto state = weak.lock();
      if (!state) return;
      state->kicked = false;
      state->action(CURL_SOCKET_TIMEOUT, 0);
    });
  }

  void action(curl_socket_t fd, int what) {
    if (!multi) return;
    int running = 0;
    {
      Inside guard(*this);
      check(curl_multi_socket_action(multi, fd, what, &running));
    }
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURL* easy = message->easy_handle;
      CURLcode code = message->data.result;  // the message goes with the handle
      auto node = active.extract(easy);
      if (!given.contains(easy)) {
        Inside guard(*this);
        check(curl_multi_remove_handle(multi, easy));
      }
      if (node) node.mapped()->done(code);
    }
    for (void* easy : std::exchange(unwatched, {})) {
      if (auto it = active.find(easy); it != active.end()) it->second->unwatched();
    }
  }

  static int on_socket(CURL* easy, curl_socket_t fd, int what, void* user, void*) {
    auto& state = *static_cast<State*>(user);
    if (what == CURL_POLL_REMOVE) {
      auto it = state.watches.find(fd);
      if (it == state.watches.end()) return 0;
      it->second->want = 0;
      if (state.active.contains(easy)) state.unwatched.push_back(easy);
      if (!it->second->ours) state.forget(fd);
      return 0;
    }
    auto w = state.watch(fd);
    w->want = what;
    state.arm(w);
    return 0;
  }

  static int on_timer(CURLM*, long ms, void* user) {
    auto& state = *static_cast<State*>(user);
    state.timer.cancel();
    if (ms < 0) return 0;
    if (ms == 0) {
      state.kick();
      return 0;
    }
    state.timer.expires_after(std::chrono::milliseconds(ms));
    state.timer.async_wait([weak = state.weak_from_this()](error_code ec) {
      if (ec) return;
      if (auto s = weak.lock()) s->action(CURL_SOCKET_TIMEOUT, 0);
    });
    return 0;
  }

  static curl_socket_t on_open(void* user, curlsocktype, curl_sockaddr* address) {
    int fd = ::socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
    if (fd < 0) return CURL_SOCKET_BAD;
    static_cast<State*>(user)->watch(fd)->ours = true;
    return fd;
  }

  static curl_socket_t on_open_given(void* user, curlsocktype, curl_sockaddr*) {
    auto& handed = *static_cast<Given*>(user);
    int fd = std::exchange(handed.socket, -1);
    if (fd < 0) return CURL_SOCKET_BAD;
    handed.state->watch(fd)->ours = true;
    return fd;
  }

  static int on_made(void*, curl_socket_t, curlsocktype) { return CURL_SOCKOPT_ALREADY_CONNECTED; }

  static int on_close(void* user, curl_socket_t fd) {
    static_cast<State*>(user)->forget(fd);
    ::close(fd);
    return 0;
  }
};

CurlMulti::CurlMulti(asio::any_io_executor executor, long idle_connections)
    : state_(std::make_shared<State>(std::move(executor))) {
  init_curl_once();
  state_->multi = curl_multi_init();
  if (!state_->multi) std::abort();
  CURLM* multi = state_->multi;
  check(curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, &State::on_socket));
  check(curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, state_.get()));
  check(curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, &State::on_timer));
  check(curl_multi_setopt(multi, CURLMOPT_TIMERDATA, state_.get()));
  check(curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, idle_connections));
  check(curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING));
}

CurlMulti::~CurlMulti() {
  state_->timer.cancel();
  CURLM* multi = std::exchange(state_->multi, nullptr);
  State::Inside guard(*state_);
  curl_multi_cleanup(multi);  // closes what is idle, through on_close
  while (!state_->watches.empty()) state_->forget(state_->watches.begin()->first);
}

void CurlMulti::add(void* easy, Handler& handler) {
  if (inside()) std::abort();
  State::Inside guard(*state_);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &State::on_open);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, state_.get());
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, &State::on_close);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, state_.get());
  state_->active.emplace(easy, &handler);
  check(curl_multi_add_handle(state_->multi, easy));
}

void CurlMulti::add_connected(void* easy, Handler& handler, int socket) {
  if (inside()) std::abort();
  State::Inside guard(*state_);
  auto& given = state_->given[easy];
  given = std::make_unique<State::Given>(State::Given{state_.get(), socket});
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &State::on_open_given);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, given.get());
  curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, &State::on_made);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, &State::on_close);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, state_.get());
  state_->active.emplace(easy, &handler);
  check(curl_multi_add_handle(state_->multi, easy));
}

void CurlMulti::remove(void* easy) {
  if (inside()) std::abort();
  State::Inside guard(*state_);
  state_->active.erase(easy);
  check(curl_multi_remove_handle(state_->multi, easy));
  auto given = state_->given.extract(easy);
  if (given && given.mapped()->socket >= 0) ::close(given.mapped()->socket);
}

void CurlMulti::pause(void* easy, int mask) {
  if (inside()) std::abort();
  State::Inside guard(*state_);
  curl_easy_pause(easy, mask);
}

bool CurlMulti::inside() const {
  return state_->depth != 0;
}

}  // namespace brig::http
