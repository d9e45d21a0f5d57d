-- Names that turn out to be one human's are looked up here.
CREATE INDEX duties_of_person ON duties (person);
