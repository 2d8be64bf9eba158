-- What keeps lists as quick on millions of records as on thousands.

-- The leads of a stage or pipeline by themselves, in the order of lists. Without, those of one that only old leads have
-- are found by passing all newer ones; the indexes on two columns are in another order.
create index lead_of_stage on lead (stage, id);
create index lead_of_pipeline on lead (pipeline, id);

-- What GIN indexes put off is read whole by every search, and by default grows to 4 MB: 5 ms. This much is 1 ms, and
-- costs writes nothing that can be measured; those who bring the index up to date wait for less, too.
alter index client_name_part set (gin_pending_list_limit = 512);
alter index client_attributes set (gin_pending_list_limit = 512);
alter index client_searched set (gin_pending_list_limit = 512);
alter index service_attributes set (gin_pending_list_limit = 512);
alter index service_searched set (gin_pending_list_limit = 512);
alter index lead_attributes set (gin_pending_list_limit = 512);
alter index lead_searched set (gin_pending_list_limit = 512);
alter index follow_up_attributes set (gin_pending_list_limit = 512);
alter index follow_up_searched set (gin_pending_list_limit = 512);
