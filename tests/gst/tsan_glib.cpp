// SPDX-License-Identifier: LGPL-2.1-or-later
// Tells ThreadSanitizer of GLib's locks, which are futexes in a library that is not instrumented:
// everything guarded by an object lock or a stream lock would look like a race. The functions here
// take the place of GLib's in the whole process, GStreamer included, since the dynamic linker looks
// into the program first. Only a build with -Db_sanitize=thread has this file.
//
// References are told, too: who gives one away has done with the object, and who holds the only one
// may write to it, or destroy it.
#include <dlfcn.h>
#include <gst/gst.h>
#include <sanitizer/tsan_interface.h>

namespace {

// The function that this one stands in front of.
template <typename Function>
Function* behind(Function*, const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

void* address(const volatile void* object) {
  return const_cast<void*>(object);
}

void acquire(const volatile void* object) {
  __tsan_acquire(address(object));
}

void release(const volatile void* object) {
  __tsan_release(address(object));
}

}  // namespace

extern "C" {

void g_mutex_lock(GMutex* mutex) {
  static const auto real = behind(&g_mutex_lock, "g_mutex_lock");
  real(mutex);
  acquire(mutex);
}

gboolean g_mutex_trylock(GMutex* mutex) {
  static const auto real = behind(&g_mutex_trylock, "g_mutex_trylock");
  const gboolean taken = real(mutex);
  if (taken) acquire(mutex);
  return taken;
}

void g_mutex_unlock(GMutex* mutex) {
  static const auto real = behind(&g_mutex_unlock, "g_mutex_unlock");
  release(mutex);
  real(mutex);
}

void g_rec_mutex_lock(GRecMutex* mutex) {
  static const auto real = behind(&g_rec_mutex_lock, "g_rec_mutex_lock");
  real(mutex);
  acquire(mutex);
}

gboolean g_rec_mutex_trylock(GRecMutex* mutex) {
  static const auto real = behind(&g_rec_mutex_trylock, "g_rec_mutex_trylock");
  const gboolean taken = real(mutex);
  if (taken) acquire(mutex);
  return taken;
}

void g_rec_mutex_unlock(GRecMutex* mutex) {
  static const auto real = behind(&g_rec_mutex_unlock, "g_rec_mutex_unlock");
  release(mutex);
  real(mutex);
}

void g_rw_lock_reader_lock(GRWLock* lock) {
  static const auto real = behind(&g_rw_lock_reader_lock, "g_rw_lock_reader_lock");
  real(lock);
  acquire(lock);
}

void g_rw_lock_reader_unlock(GRWLock* lock) {
  static const auto real = behind(&g_rw_lock_reader_unlock, "g_rw_lock_reader_unlock");
  release(lock);
  real(lock);
}

void g_rw_lock_writer_lock(GRWLock* lock) {
  static const auto real = behind(&g_rw_lock_writer_lock, "g_rw_lock_writer_lock");
  real(lock);
  acquire(lock);
}

void g_rw_lock_writer_unlock(GRWLock* lock) {
  static const auto real = behind(&g_rw_lock_writer_unlock, "g_rw_lock_writer_unlock");
  release(lock);
  real(lock);
}

// A condition gives its mutex back while it waits.
void g_cond_wait(GCond* condition, GMutex* mutex) {
  static const auto real = behind(&g_cond_wait, "g_cond_wait");
  release(mutex);
  real(condition, mutex);
  acquire(mutex);
}

gboolean g_cond_wait_until(GCond* condition, GMutex* mutex, gint64 end) {
  static const auto real = behind(&g_cond_wait_until, "g_cond_wait_until");
  release(mutex);
  const gboolean signalled = real(condition, mutex, end);
  acquire(mutex);
  return signalled;
}

gboolean(g_once_init_enter)(volatile void* location) {
  static const auto real = behind(&(g_once_init_enter), "g_once_init_enter");
  const gboolean first = real(location);
  acquire(location);
  return first;
}

void(g_once_init_leave)(volatile void* location, gsize result) {
  static const auto real = behind(&(g_once_init_leave), "g_once_init_leave");
  release(location);
  real(location, result);
}

void g_object_unref(gpointer object) {
  static const auto real = behind(&g_object_unref, "g_object_unref");
  release(object);
  acquire(object);  // this one may be the last
  real(object);
}

void gst_mini_object_unref(GstMiniObject* object) {
  static const auto real = behind(&gst_mini_object_unref, "gst_mini_object_unref");
  release(object);
  acquire(object);
  real(object);
}

gboolean gst_mini_object_is_writable(const GstMiniObject* object) {
  static const auto real = behind(&gst_mini_object_is_writable, "gst_mini_object_is_writable");
  const gboolean writable = real(object);
  if (writable) acquire(object);
  return writable;
}

GstMiniObject* gst_mini_object_make_writable(GstMiniObject* object) {
  static const auto real = behind(&gst_mini_object_make_writable, "gst_mini_object_make_writable");
  GstMiniObject* writable = real(object);
  acquire(writable);
  return writable;
}

}  // extern "C"
