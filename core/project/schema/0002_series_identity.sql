-- A number is given to one series only, also after that series was removed: the window keeps pictures and measurements by it.
CREATE TABLE series_next (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    study INTEGER NOT NULL REFERENCES studies (id),
    folder INTEGER NOT NULL REFERENCES folders (id),
    kind TEXT NOT NULL,
    format TEXT NOT NULL,
    modality TEXT NOT NULL,
    description TEXT NOT NULL,
    body_part TEXT NOT NULL,
    series_uid TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    slices INTEGER NOT NULL,
    frames INTEGER NOT NULL,
    location BLOB NOT NULL,              -- the file or folder to show, within the folder; "." for the folder itself
    first_file BLOB NOT NULL,            -- smallest file name: finds, with first_frame, a series that is added again
    first_frame INTEGER NOT NULL DEFAULT 0, -- lowest frame of that file which belongs to it: one file may hold several series
    content TEXT NOT NULL DEFAULT '',    -- DICOM: SOP Instance UID of the first file; others: bytes and time of change; '' when not known
    revision INTEGER NOT NULL DEFAULT 0, -- goes up whenever the row is written again
    missing INTEGER NOT NULL DEFAULT 0,
    notices TEXT NOT NULL
);
INSERT INTO series_next (id, study, folder, kind, format, modality, description, body_part, series_uid, width, height, slices, frames, location, first_file, missing, notices)
    SELECT id, study, folder, kind, format, modality, description, body_part, series_uid, width, height, slices, frames, location, first_file, missing, notices FROM series;
DROP TABLE series;
ALTER TABLE series_next RENAME TO series;
CREATE INDEX series_by_study ON series (study, id);
CREATE INDEX series_by_uid ON series (series_uid) WHERE series_uid <> '';
CREATE INDEX series_by_file ON series (folder, first_file);

-- The same Study UID under two patients is two studies. A key that is taken already stays as it is: it is only never found again.
UPDATE OR IGNORE studies SET key = key || char(31) || patient_id || char(31) || patient_name;

-- A date is found as the list writes it, too, and a file without a patient by the folder that it stands under.
UPDATE series_words SET study_date = study_date || ' ' || substr(study_date, 1, 4) || '-' || substr(study_date, 5, 2) || '-' || substr(study_date, 7, 2)
    WHERE length(study_date) = 8;
UPDATE series_words SET file_name = file_name || ' ' || (
        SELECT replace(CAST(f.path AS TEXT), rtrim(CAST(f.path AS TEXT), replace(CAST(f.path AS TEXT), '/', '')), '')
        FROM series s JOIN folders f ON f.id = s.folder WHERE s.id = series_words.rowid)
    WHERE rowid IN (SELECT id FROM series WHERE format <> 'dicom');
