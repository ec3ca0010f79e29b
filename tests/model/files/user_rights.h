// SPDX-License-Identifier: LGPL-2.1-or-later
// Tests of missing rights, which the superuser never lacks.
#pragma once

#include <sys/types.h>
#include <unistd.h>

namespace lightavseg {

/// While it lives, a superuser's process has only the rights of an unprivileged user.
class OrdinaryUser {
 public:
  OrdinaryUser() : before_(::geteuid()) {
    constexpr uid_t kNobody = 65534;
    lacks_rights_ = before_ != 0 || ::seteuid(kNobody) == 0;
  }
  OrdinaryUser(const OrdinaryUser&) = delete;
  OrdinaryUser& operator=(const OrdinaryUser&) = delete;
  ~OrdinaryUser() {
    if (::geteuid() != before_ && ::seteuid(before_) != 0) ::_exit(1);
  }

  /// False where the superuser could not step down (a restricted container).
  bool lacks_rights() const { return lacks_rights_; }

 private:
  uid_t before_;
  bool lacks_rights_;
};

}  // namespace lightavseg
