DROP TABLE postings;
DROP TABLE merged;
DROP TABLE buckets;
