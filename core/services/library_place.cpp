#include "core/services/library_place.h"

#include <QSettings>

namespace hilum::services {

Result<path> windowSettingsFile()
{
    HILUM_TRY(const path folder, configFolder());
    return folder / "window.ini";
}

path chosenLibraryFolder()
{
    const auto file = windowSettingsFile();
    if (!file)
        return {}; // without a place for settings nothing was chosen
    const QSettings settings(QString::fromStdString(file->string()), QSettings::IniFormat);
    return settings.value(QLatin1String(LibraryFolderKey)).toString().toStdString();
}

Result<path> libraryFolder()
{
    const path chosen = chosenLibraryFolder();
    if (chosen.empty())
        return dataFolder();
    std::error_code error;
    const bool there = std::filesystem::exists(chosen / "library.sqlite", error);
    if (error)
        return std::unexpected(systemError("look for the library in", chosen.string(), error.value()));
    if (!there)
        return refuse(ErrorCode::NotFound, "library_missing", "{}, which was chosen in the settings, holds no library: its disk may not be connected", chosen.string());
    return chosen;
}

} // namespace hilum::services
