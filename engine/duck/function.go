//go:build cgo && duckdb_arrow

package duck

import "strings"

// allowedFunctions compute values from their arguments, the rows and the time,
// and nothing else. Every function that DuckDB has and that is not here is
// refused, so that a new version of DuckDB brings nothing in; a test names those
// of the current version that are neither here nor in refusedFunctions.
var allowedFunctions = nameSet(`
	!__postfix !~~ !~~* % & && * ** + - ->> -> / // <-> << <=> <@ >> @ @> ^ ^@ | || ~ ~~ ~~* ~~~ !
	like_escape not_like_escape ilike_escape not_ilike_escape
	abs acos acosh add age aggregate apply ascii asin asinh atan atan2 atanh bin bit_count bit_length bit_position bitstring
	cbrt ceil ceiling century char_length character_length chr concat concat_ws constant_or_null contains cos cosh cot
	cardinality date_add date_diff date_part date_sub date_trunc datediff datepart datesub datetrunc day dayname dayofmonth
	dayofweek dayofyear days_in_month decade decode degrees divide editdist3 element_at encode ends_with epoch epoch_ms epoch_ns
	epoch_us equi_width_bins era error even exp factorial fdiv filter flatten floor fmod format format_bytes
	formatreadabledecimalsize formatreadablesize from_base64 from_binary from_hex from_json from_json_strict gamma gcd get_bit
	generate_series greatest greatest_common_divisor grade_up hamming hash hex hour if ifnull instr is_histogram_other_bin isfinite
	isinf isnan isodow isoyear jaccard jaro_similarity jaro_winkler_similarity damerau_levenshtein levenshtein mismatches julian
	last_day lcase lcm least least_common_multiple left left_grapheme len length length_grapheme lgamma ln log log10 log2 lower
	lpad ltrim make_date make_time make_timestamp make_timestamp_ms make_timestamp_ns make_timestamptz md5 md5_number
	md5_number_lower md5_number_upper microsecond millennium millisecond minute mod month monthname multiply nanosecond nextafter
	nfc_normalize normalized_interval nullif octet_length ord parse_dirname parse_dirpath parse_filename parse_formatted_bytes
	parse_path pg_size_pretty pg_typeof pi position pow power prefix printf quarter radians range reduce regexp_escape
	regexp_extract regexp_extract_all regexp_full_match regexp_matches regexp_replace regexp_split_to_array repeat replace reverse
	right right_grapheme round round_even roundbankers rpad rtrim second set_bit sha1 sha256 sign signbit sin sinh split
	split_part sqrt starts_with str_split str_split_regex strftime string_split string_split_regex string_to_array strip_accents
	strlen strpos strptime substr substring substring_grapheme subtract suffix tan tanh time_bucket timezone timezone_hour
	timezone_minute to_base to_base64 to_binary to_centuries to_days to_decades to_hex to_hours to_microseconds to_millennia
	to_milliseconds to_minutes to_months to_quarters to_seconds to_timestamp to_weeks to_years translate trim trunc try_strptime
	typeof ucase unbin unhex unicode upper url_decode url_encode uuid_extract_timestamp uuid_extract_version variant_typeof
	variant_extract week weekday weekofyear xor year yearweek unnest unpivot_list switch

	array_aggr array_aggregate array_append array_apply array_cat array_concat array_contains array_cosine_distance
	array_cosine_similarity array_cross_product array_distance array_distinct array_dot_product array_extract array_filter
	array_grade_up array_has array_has_all array_has_any array_indexof array_inner_product array_intersect array_length
	array_negative_dot_product array_negative_inner_product array_pop_back array_pop_front array_position array_prepend
	array_push_back array_push_front array_reduce array_resize array_reverse array_reverse_sort array_select array_slice array_sort
	array_to_json array_to_string array_to_string_comma_default array_transform array_unique array_value array_where array_zip
	list_aggr list_aggregate list_any_value list_append list_apply list_approx_count_distinct list_avg list_bit_and list_bit_or
	list_bit_xor list_bool_and list_bool_or list_cat list_concat list_contains list_cosine_distance list_cosine_similarity
	list_count list_distance list_distinct list_dot_product list_element list_entropy list_extract list_filter list_first
	list_grade_up list_has list_has_all list_has_any list_histogram list_indexof list_inner_product list_intersect list_kurtosis
	list_kurtosis_pop list_last list_mad list_max list_median list_min list_mode list_negative_dot_product
	list_negative_inner_product list_pack list_position list_prepend list_product list_reduce list_resize list_reverse
	list_reverse_sort list_select list_sem list_skewness list_slice list_sort list_stddev_pop list_stddev_samp list_string_agg
	list_sum list_transform list_unique list_value list_var_pop list_var_samp list_where list_zip
	map map_concat map_contains map_contains_entry map_contains_value map_entries map_extract map_extract_value map_from_entries
	map_keys map_values row row_to_json struct_concat struct_contains struct_extract struct_extract_at struct_has struct_indexof
	struct_insert struct_keys struct_pack struct_position struct_update struct_values remap_struct union_extract union_tag union_value
	json json_array json_array_length json_contains json_exists json_extract json_extract_path json_extract_path_text
	json_extract_string json_group_array json_group_object json_group_structure json_keys json_merge_patch merge_record json_object json_pretty
	json_quote json_structure json_transform json_transform_strict json_type json_valid json_value to_json

	ip_contains ip_address ip_prefix ip_prefix_of ip_key

	current_date current_localtime current_localtimestamp get_current_time get_current_timestamp now today transaction_timestamp
	current_catalog current_database current_role current_schema current_schemas current_user session_user user
	gen_random_uuid uuid uuidv4 uuidv7 random

	any_value approx_count_distinct approx_quantile approx_top_k arbitrary arg_max arg_max_null arg_max_nulls_last arg_min
	arg_min_null arg_min_nulls_last argmax argmin array_agg avg bit_and bit_or bit_xor bitstring_agg bool_and bool_or corr count
	count_if count_star countif covar_pop covar_samp cume_dist dense_rank entropy favg fill first first_value fsum geomean
	geometric_mean group_concat histogram histogram_exact kahan_sum kurtosis kurtosis_pop lag last last_value lead list listagg mad
	max max_by mean median min min_by mode nth_value ntile percent_rank product quantile quantile_cont quantile_disc rank rank_dense
	regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy reservoir_quantile row_number sem
	skewness stddev stddev_pop stddev_samp string_agg sum sum_no_overflow sumkahan var_pop var_samp variance wavg weighted_avg`)

// refusedFunctions exist and are refused: they look at files, settings, the
// session or the database, change its state, make others wait, or belong to
// DuckDB's own workings.
var refusedFunctions = nameSet(`
	getenv current_setting current_query current_query_id current_connection_id current_transaction_id txid_current getvariable
	write_log parse_duckdb_log_message sleep_ms pg_sleep nextval currval setseed in_search_path get_block_size
	json_execute_serialized_sql json_serialize_sql json_deserialize_sql json_serialize_plan add_parquet_key
	query query_table glob read_text read_blob read_csv read_csv_auto read_json read_json_auto read_json_objects
	read_json_objects_auto read_ndjson read_ndjson_auto read_ndjson_objects read_parquet parquet_scan parquet_metadata
	parquet_schema parquet_file_metadata parquet_full_metadata parquet_kv_metadata parquet_bloom_probe read_duckdb sniff_csv
	which_secret pandas_scan arrow_scan arrow_scan_dumb python_map_function seq_scan summary test_all_types test_vector_types
	base64 version check_peg_parser disable_peg_parser enable_peg_parser sql_auto_complete
	alias stats vector_type combine finalize create_sort_key bar
	can_cast_implicitly cast_to_type get_type make_type replace_type
	enum_code enum_first enum_last enum_range enum_range_boundary timetz_byte_comparable
	st_asbinary st_astext st_aswkb st_aswkt st_crs st_geomfromwkb st_intersects_extent st_setcrs
	variant_bytes_to_variant variant_normalize variant_to_parquet_variant
	generate_subscripts regexp_split_to_table map_to_pg_oid ago
	col_description format_pg_type format_type has_any_column_privilege has_column_privilege has_database_privilege
	has_foreign_data_wrapper_privilege has_function_privilege has_language_privilege has_schema_privilege has_sequence_privilege
	has_server_privilege has_table_privilege has_tablespace_privilege inet_client_addr inet_client_port inet_server_addr
	inet_server_port obj_description shobj_description pg_collation_is_visible pg_conf_load_time pg_conversion_is_visible
	pg_function_is_visible pg_get_constraintdef pg_get_expr pg_get_viewdef pg_has_role pg_is_other_temp_schema pg_my_temp_schema
	pg_opclass_is_visible pg_operator_is_visible pg_opfamily_is_visible pg_postmaster_start_time pg_table_is_visible
	pg_ts_config_is_visible pg_ts_dict_is_visible pg_ts_parser_is_visible pg_ts_template_is_visible pg_type_is_visible
	checkpoint force_checkpoint disable_logging enable_logging disable_profiling enable_profiling truncate_duckdb_logs
	duckdb_approx_database_count duckdb_columns duckdb_connection_count duckdb_constraints duckdb_coordinate_systems
	duckdb_databases duckdb_dependencies duckdb_extensions duckdb_external_file_cache duckdb_indexes duckdb_log_contexts
	duckdb_logs duckdb_memory duckdb_optimizers duckdb_prepared_statements duckdb_schemas duckdb_secret_types duckdb_secrets
	duckdb_sequences duckdb_settings duckdb_table_sample duckdb_tables duckdb_temporary_files duckdb_variables duckdb_views
	duckdb_logs_parsed duckdb_profiling_settings histogram_values
	pragma_collations pragma_database_size pragma_metadata_info pragma_platform pragma_show pragma_storage_info
	pragma_table_info pragma_user_agent pragma_version`)

// allowedTableFunctions make rows of their arguments, or of what the engine
// knows about its own language.
var allowedTableFunctions = nameSet(`unnest generate_series range repeat repeat_row json_each json_tree
	duckdb_functions duckdb_keywords duckdb_types pg_timezone_names icu_calendar_names`)

// internalFunction: DuckDB makes calls of these itself and offers them, too.
func internalFunction(name string) bool {
	return strings.HasPrefix(name, "__internal_") || strings.HasPrefix(name, "icu_")
}

// volatileFunctions give another value at every call.
var volatileFunctions = nameSet(`random gen_random_uuid uuid uuidv4 uuidv7 error`)

func nameSet(names string) map[string]bool {
	set := map[string]bool{}
	for n := range strings.FieldsSeq(names) {
		set[n] = true
	}
	return set
}
