-- A study is a DICOM study, or the folder that holds images without one.
CREATE TABLE studies (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,            -- study UID, or "folder:" and the folder
    uid TEXT NOT NULL,
    patient_name TEXT NOT NULL,
    patient_id TEXT NOT NULL,
    study_date TEXT NOT NULL,
    description TEXT NOT NULL
);
CREATE INDEX studies_by_date ON studies (study_date DESC, id DESC);

-- The deepest folder that holds all files of a series; files are named within it.
CREATE TABLE folders (
    id INTEGER PRIMARY KEY,
    path BLOB NOT NULL UNIQUE            -- absolute; bytes, because file names need not be UTF-8
);

CREATE TABLE series (
    id INTEGER PRIMARY KEY,
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
    first_file BLOB NOT NULL,            -- smallest file name: finds a series that is added again
    missing INTEGER NOT NULL DEFAULT 0,
    notices TEXT NOT NULL
);
CREATE INDEX series_by_study ON series (study, id);
CREATE INDEX series_by_uid ON series (series_uid) WHERE series_uid <> '';
CREATE INDEX series_by_file ON series (folder, first_file);

-- What lists do not need.
CREATE TABLE series_details (
    series INTEGER PRIMARY KEY REFERENCES series (id) ON DELETE CASCADE,
    files BLOB NOT NULL,                 -- in reading order, within the folder, each ended by a zero byte
    explanation TEXT NOT NULL
);

CREATE TABLE thumbnails (
    series INTEGER PRIMARY KEY REFERENCES series (id) ON DELETE CASCADE,
    png BLOB NOT NULL
);

CREATE VIRTUAL TABLE series_words USING fts5 (
    patient_name, patient_id, study_date, study_description, modality, description, body_part, file_name,
    tokenize = "unicode61 remove_diacritics 2", prefix = '2 3 4'
);

CREATE TABLE problems (
    id INTEGER PRIMARY KEY,
    file BLOB NOT NULL UNIQUE,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    seen_utc TEXT NOT NULL
);

CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    run BLOB NOT NULL,
    method TEXT NOT NULL,
    preset TEXT NOT NULL,
    title TEXT NOT NULL,
    state TEXT NOT NULL,
    created_utc TEXT NOT NULL,
    message TEXT NOT NULL,
    step INTEGER NOT NULL,
    steps INTEGER NOT NULL
);
