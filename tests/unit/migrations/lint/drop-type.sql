-- bad
DROP TYPE mood;
-- bad
DROP DOMAIN positive;
-- bad
ALTER TYPE address DROP ATTRIBUTE street;
-- good
CREATE TYPE x AS ENUM ('a');
DROP TYPE x;
