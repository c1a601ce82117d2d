/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names are the usual English ones, after the time zone database's iso3166.tab (public domain), and
 * beside them what people type instead. GeoNames uses XK for Kosovo.
 */
#include "countries.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "fold.h"

/* Sorted by code. Other names are joined by `|`. */
static const struct country {
	char code[3];
	const char *name, *others;
} countries[] = {
	{ "AD", "Andorra", "" },
	{ "AE", "United Arab Emirates", "uae|emirates" },
	{ "AF", "Afghanistan", "" },
	{ "AG", "Antigua and Barbuda", "" },
	{ "AI", "Anguilla", "" },
	{ "AL", "Albania", "" },
	{ "AM", "Armenia", "" },
	{ "AO", "Angola", "" },
	{ "AQ", "Antarctica", "" },
	{ "AR", "Argentina", "" },
	{ "AS", "American Samoa", "" },
	{ "AT", "Austria", "österreich" },
	{ "AU", "Australia", "" },
	{ "AW", "Aruba", "" },
	{ "AX", "Åland Islands", "" },
	{ "AZ", "Azerbaijan", "" },
	{ "BA", "Bosnia and Herzegovina", "" },
	{ "BB", "Barbados", "" },
	{ "BD", "Bangladesh", "" },
	{ "BE", "Belgium", "belgië|belgique" },
	{ "BF", "Burkina Faso", "" },
	{ "BG", "Bulgaria", "" },
	{ "BH", "Bahrain", "" },
	{ "BI", "Burundi", "" },
	{ "BJ", "Benin", "" },
	{ "BL", "Saint Barthélemy", "" },
	{ "BM", "Bermuda", "" },
	{ "BN", "Brunei", "" },
	{ "BO", "Bolivia", "plurinational state of bolivia" },
	{ "BQ", "Caribbean Netherlands", "" },
	{ "BR", "Brazil", "brasil" },
	{ "BS", "Bahamas", "" },
	{ "BT", "Bhutan", "" },
	{ "BV", "Bouvet Island", "" },
	{ "BW", "Botswana", "" },
	{ "BY", "Belarus", "" },
	{ "BZ", "Belize", "" },
	{ "CA", "Canada", "" },
	{ "CC", "Cocos Islands", "" },
	{ "CD", "Democratic Republic of the Congo", "congo kinshasa|dr congo" },
	{ "CF", "Central African Republic", "" },
	{ "CG", "Congo", "congo brazzaville|republic of the congo" },
	{ "CH", "Switzerland", "schweiz|suisse|svizzera" },
	{ "CI", "Côte d'Ivoire", "ivory coast" },
	{ "CK", "Cook Islands", "" },
	{ "CL", "Chile", "" },
	{ "CM", "Cameroon", "" },
	{ "CN", "China", "people's republic of china" },
	{ "CO", "Colombia", "" },
	{ "CR", "Costa Rica", "" },
	{ "CU", "Cuba", "" },
	{ "CV", "Cabo Verde", "cape verde" },
	{ "CW", "Curaçao", "" },
	{ "CX", "Christmas Island", "" },
	{ "CY", "Cyprus", "" },
	{ "CZ", "Czechia", "czech republic" },
	{ "DE", "Germany", "deutschland" },
	{ "DJ", "Djibouti", "" },
	{ "DK", "Denmark", "danmark" },
	{ "DM", "Dominica", "" },
	{ "DO", "Dominican Republic", "" },
	{ "DZ", "Algeria", "" },
	{ "EC", "Ecuador", "" },
	{ "EE", "Estonia", "" },
	{ "EG", "Egypt", "" },
	{ "EH", "Western Sahara", "" },
	{ "ER", "Eritrea", "" },
	{ "ES", "Spain", "españa" },
	{ "ET", "Ethiopia", "" },
	{ "FI", "Finland", "suomi" },
	{ "FJ", "Fiji", "" },
	{ "FK", "Falkland Islands", "" },
	{ "FM", "Micronesia", "" },
	{ "FO", "Faroe Islands", "" },
	{ "FR", "France", "" },
	{ "GA", "Gabon", "" },
	{ "GB", "United Kingdom", "uk|great britain|britain" },
	{ "GD", "Grenada", "" },
	{ "GE", "Georgia", "" },
	{ "GF", "French Guiana", "" },
	{ "GG", "Guernsey", "" },
	{ "GH", "Ghana", "" },
	{ "GI", "Gibraltar", "" },
	{ "GL", "Greenland", "" },
	{ "GM", "Gambia", "" },
	{ "GN", "Guinea", "" },
	{ "GP", "Guadeloupe", "" },
	{ "GQ", "Equatorial Guinea", "" },
	{ "GR", "Greece", "hellas" },
	{ "GS", "South Georgia", "" },
	{ "GT", "Guatemala", "" },
	{ "GU", "Guam", "" },
	{ "GW", "Guinea-Bissau", "" },
	{ "GY", "Guyana", "" },
	{ "HK", "Hong Kong", "" },
	{ "HM", "Heard and McDonald Islands", "" },
	{ "HN", "Honduras", "" },
	{ "HR", "Croatia", "" },
	{ "HT", "Haiti", "" },
	{ "HU", "Hungary", "magyarország" },
	{ "ID", "Indonesia", "" },
	{ "IE", "Ireland", "" },
	{ "IL", "Israel", "" },
	{ "IM", "Isle of Man", "" },
	{ "IN", "India", "" },
	{ "IO", "British Indian Ocean Territory", "" },
	{ "IQ", "Iraq", "" },
	{ "IR", "Iran", "persia" },
	{ "IS", "Iceland", "" },
	{ "IT", "Italy", "italia" },
	{ "JE", "Jersey", "" },
	{ "JM", "Jamaica", "" },
	{ "JO", "Jordan", "" },
	{ "JP", "Japan", "nippon" },
	{ "KE", "Kenya", "" },
	{ "KG", "Kyrgyzstan", "" },
	{ "KH", "Cambodia", "" },
	{ "KI", "Kiribati", "" },
	{ "KM", "Comoros", "" },
	{ "KN", "Saint Kitts and Nevis", "" },
	{ "KP", "North Korea", "" },
	{ "KR", "South Korea", "korea|republic of korea" },
	{ "KW", "Kuwait", "" },
	{ "KY", "Cayman Islands", "" },
	{ "KZ", "Kazakhstan", "" },
	{ "LA", "Laos", "" },
	{ "LB", "Lebanon", "" },
	{ "LC", "Saint Lucia", "" },
	{ "LI", "Liechtenstein", "" },
	{ "LK", "Sri Lanka", "" },
	{ "LR", "Liberia", "" },
	{ "LS", "Lesotho", "" },
	{ "LT", "Lithuania", "" },
	{ "LU", "Luxembourg", "" },
	{ "LV", "Latvia", "" },
	{ "LY", "Libya", "" },
	{ "MA", "Morocco", "" },
	{ "MC", "Monaco", "" },
	{ "MD", "Moldova", "" },
	{ "ME", "Montenegro", "" },
	{ "MF", "Saint Martin", "" },
	{ "MG", "Madagascar", "" },
	{ "MH", "Marshall Islands", "" },
	{ "MK", "North Macedonia", "macedonia" },
	{ "ML", "Mali", "" },
	{ "MM", "Myanmar", "burma" },
	{ "MN", "Mongolia", "" },
	{ "MO", "Macao", "macau" },
	{ "MP", "Northern Mariana Islands", "" },
	{ "MQ", "Martinique", "" },
	{ "MR", "Mauritania", "" },
	{ "MS", "Montserrat", "" },
	{ "MT", "Malta", "" },
	{ "MU", "Mauritius", "" },
	{ "MV", "Maldives", "" },
	{ "MW", "Malawi", "" },
	{ "MX", "Mexico", "méxico" },
	{ "MY", "Malaysia", "" },
	{ "MZ", "Mozambique", "" },
	{ "NA", "Namibia", "" },
	{ "NC", "New Caledonia", "" },
	{ "NE", "Niger", "" },
	{ "NF", "Norfolk Island", "" },
	{ "NG", "Nigeria", "" },
	{ "NI", "Nicaragua", "" },
	{ "NL", "Netherlands", "holland|the netherlands" },
	{ "NO", "Norway", "norge" },
	{ "NP", "Nepal", "" },
	{ "NR", "Nauru", "" },
	{ "NU", "Niue", "" },
	{ "NZ", "New Zealand", "" },
	{ "OM", "Oman", "" },
	{ "PA", "Panama", "" },
	{ "PE", "Peru", "" },
	{ "PF", "French Polynesia", "" },
	{ "PG", "Papua New Guinea", "" },
	{ "PH", "Philippines", "" },
	{ "PK", "Pakistan", "" },
	{ "PL", "Poland", "polska" },
	{ "PM", "Saint Pierre and Miquelon", "" },
	{ "PN", "Pitcairn Islands", "" },
	{ "PR", "Puerto Rico", "" },
	{ "PS", "Palestine", "" },
	{ "PT", "Portugal", "" },
	{ "PW", "Palau", "" },
	{ "PY", "Paraguay", "" },
	{ "QA", "Qatar", "" },
	{ "RE", "Réunion", "" },
	{ "RO", "Romania", "" },
	{ "RS", "Serbia", "" },
	{ "RU", "Russia", "russian federation" },
	{ "RW", "Rwanda", "" },
	{ "SA", "Saudi Arabia", "" },
	{ "SB", "Solomon Islands", "" },
	{ "SC", "Seychelles", "" },
	{ "SD", "Sudan", "" },
	{ "SE", "Sweden", "sverige" },
	{ "SG", "Singapore", "" },
	{ "SH", "Saint Helena", "" },
	{ "SI", "Slovenia", "" },
	{ "SJ", "Svalbard and Jan Mayen", "" },
	{ "SK", "Slovakia", "" },
	{ "SL", "Sierra Leone", "" },
	{ "SM", "San Marino", "" },
	{ "SN", "Senegal", "" },
	{ "SO", "Somalia", "" },
	{ "SR", "Suriname", "" },
	{ "SS", "South Sudan", "" },
	{ "ST", "São Tomé and Príncipe", "" },
	{ "SV", "El Salvador", "" },
	{ "SX", "Sint Maarten", "" },
	{ "SY", "Syria", "" },
	{ "SZ", "Eswatini", "swaziland" },
	{ "TC", "Turks and Caicos Islands", "" },
	{ "TD", "Chad", "" },
	{ "TF", "French Southern Territories", "" },
	{ "TG", "Togo", "" },
	{ "TH", "Thailand", "" },
	{ "TJ", "Tajikistan", "" },
	{ "TK", "Tokelau", "" },
	{ "TL", "Timor-Leste", "east timor" },
	{ "TM", "Turkmenistan", "" },
	{ "TN", "Tunisia", "" },
	{ "TO", "Tonga", "" },
	{ "TR", "Turkey", "türkiye" },
	{ "TT", "Trinidad and Tobago", "" },
	{ "TV", "Tuvalu", "" },
	{ "TW", "Taiwan", "republic of china" },
	{ "TZ", "Tanzania", "" },
	{ "UA", "Ukraine", "" },
	{ "UG", "Uganda", "" },
	{ "UM", "United States Minor Outlying Islands", "" },
	{ "US", "United States", "usa|america|united states of america" },
	{ "UY", "Uruguay", "" },
	{ "UZ", "Uzbekistan", "" },
	{ "VA", "Vatican City", "holy see" },
	{ "VC", "Saint Vincent and the Grenadines", "" },
	{ "VE", "Venezuela", "" },
	{ "VG", "British Virgin Islands", "" },
	{ "VI", "United States Virgin Islands", "" },
	{ "VN", "Vietnam", "" },
	{ "VU", "Vanuatu", "" },
	{ "WF", "Wallis and Futuna", "" },
	{ "WS", "Samoa", "" },
	{ "XK", "Kosovo", "" },
	{ "YE", "Yemen", "" },
	{ "YT", "Mayotte", "" },
	{ "ZA", "South Africa", "" },
	{ "ZM", "Zambia", "" },
	{ "ZW", "Zimbabwe", "" },
};

_Static_assert(sizeof countries / sizeof countries[0] <= COUNTRIES_MAX, "COUNTRIES_MAX");

static int
by_code(const void *code, const void *country)
{
	return strcmp(code, ((const struct country *)country)->code);
}

int
country_number(const char *code)
{
	const struct country *country = bsearch(code, countries,
	                                        sizeof countries / sizeof countries[0],
	                                        sizeof countries[0], by_code);

	return country ? (int)(country - countries) : -1;
}

const char *
country_name(const char *code)
{
	int number = country_number(code);

	return number >= 0 ? countries[number].name : code;
}

static bool
matches(const char *name, size_t len, const char *folded, bool prefix)
{
	char key[64];
	size_t n = fold(name, len, key, sizeof key);

	return n > 0 &&
	       (prefix ? strncmp(key, folded, strlen(folded)) : strcmp(key, folded)) == 0;
}

static bool
country_matches(const struct country *country, const char *folded, bool prefix)
{
	if (matches(country->code, 2, folded, false) ||
	    matches(country->name, strlen(country->name), folded, prefix))
		return true;
	for (const char *other = country->others; *other;) {
		size_t len = strcspn(other, "|");

		if (matches(other, len, folded, prefix))
			return true;
		other += len + (other[len] == '|');
	}
	return false;
}

void
countries_matching(const char *folded, bool prefix, bool out[COUNTRIES_MAX])
{
	for (size_t i = 0; i < sizeof countries / sizeof countries[0]; i++)
		out[i] = country_matches(&countries[i], folded, prefix);
}
