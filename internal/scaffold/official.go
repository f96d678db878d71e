package scaffold

import "slices"

// official are the images that Docker Hub has without an owner (https://hub.docker.com/u/library); another name without
// one is an image that somebody builds, or a name that is replaced elsewhere.
//
//nolint:misspell // eclipse-mosquitto is spelled so
var official = []string{
	"adminer", "aerospike", "alpine", "almalinux", "amazoncorretto", "amazonlinux", "api-firewall", "arangodb",
	"archlinux", "backdrop", "bash", "bonita", "buildpack-deps", "busybox", "caddy", "cassandra", "centos",
	"chronograf", "cirros", "clearlinux", "clefos", "clojure", "composer", "consul", "convertigo", "couchbase",
	"couchdb", "crate", "dart", "debian", "docker", "drupal", "eclipse-mosquitto", "eclipse-temurin",
	"elasticsearch", "elixir", "emqx", "erlang", "fedora", "flink", "fluentd", "friendica", "gazebo", "gcc",
	"geonetwork", "ghost", "golang", "gradle", "groovy", "haproxy", "haskell", "haxe", "hello-world", "hitch",
	"hivemq", "httpd", "hylang", "ibm-semeru-runtimes", "ibmjava", "influxdb", "irssi", "java", "jetty",
	"jobber", "joomla", "jruby", "julia", "kapacitor", "kibana", "kong", "krakend", "lightstreamer",
	"liquibase", "logstash", "mageia", "mariadb", "matomo", "maven", "mediawiki", "memcached", "mongo",
	"mongo-express", "monica", "mono", "mysql", "nats", "nats-streaming", "neo4j", "neurodebian", "nextcloud",
	"nginx", "node", "notary", "nuxeo", "odoo", "open-liberty", "openjdk", "oraclelinux", "orientdb", "percona",
	"perl", "photon", "php", "phpmyadmin", "plone", "postfixadmin", "postgres", "pypy", "python", "r-base",
	"rabbitmq", "rakudo-star", "redis", "redmine", "registry", "rethinkdb", "rocket.chat", "rockylinux", "ros",
	"ruby", "rust", "sapmachine", "satosa", "silverpeas", "solr", "sonarqube", "spark", "spiped", "storm",
	"swift", "swipl", "teamspeak", "telegraf", "tomcat", "tomee", "traefik", "ubuntu", "unit", "varnish",
	"vault", "websphere-liberty", "wordpress", "xwiki", "yourls", "znc", "zookeeper",
}

// isOfficial reports whether an image of one word is one that exists.
func isOfficial(image string) bool { return slices.Contains(official, image) }
