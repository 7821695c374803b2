// Linked into every test: what is waited for (QTRY_*, qWaitFor, windows) may take a loaded machine longer than Qt's five seconds. Only a test that
// fails waits so long.
#include <QTest>

#if QT_VERSION >= QT_VERSION_CHECK(6, 11, 0) // before it the five seconds cannot be changed
namespace {

[[maybe_unused]] const bool isPatient = [] {
    QTest::defaultTryTimeout = std::chrono::minutes(1);
    return true;
}();

} // namespace
#endif
