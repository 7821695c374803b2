#pragma once

#include <QString>

namespace hilum::widgets {

class Actions;

/// The page of the documentation about keys and mouse (Markdown), made of what is declared: mouse profiles, then the actions of the
/// whole program and of each workspace with their default keys. resources/docs/user/keys.md is a copy of it, which a test holds.
QString keysPage(const Actions& actions);

} // namespace hilum::widgets
