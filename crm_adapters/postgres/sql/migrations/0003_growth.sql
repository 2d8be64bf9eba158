-- Indexes that keep lists of millions of records as fast as lists of thousands.

-- The leads of a stage or pipeline in the order of lists. Without these indexes, finding the leads of a stage that only
-- old leads have would read all newer leads; the indexes on two columns have another order.
create index lead_of_stage on lead (stage, id);
create index lead_of_pipeline on lead (pipeline, id);

-- Every search reads the whole pending list of a GIN index, which by default grows to 4 MB: 5 ms. This limit makes it
-- 1 ms, without a measurable cost for writes; flushing the list is faster, too.
alter index client_name_part set (gin_pending_list_limit = 512);
alter index client_attributes set (gin_pending_list_limit = 512);
alter index client_searched set (gin_pending_list_limit = 512);
alter index service_attributes set (gin_pending_list_limit = 512);
alter index service_searched set (gin_pending_list_limit = 512);
alter index lead_attributes set (gin_pending_list_limit = 512);
alter index lead_searched set (gin_pending_list_limit = 512);
alter index follow_up_attributes set (gin_pending_list_limit = 512);
alter index follow_up_searched set (gin_pending_list_limit = 512);
