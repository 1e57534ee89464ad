-- SHA-256 of the body as Usher wrote it: a body that still has it need not be parsed to be known for canonical.
-- NULL, or another one, is no fault: somebody else may have written the row.
ALTER TABLE profiles ADD COLUMN digest BLOB;
