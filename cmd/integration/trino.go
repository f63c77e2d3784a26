package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	trinoVersion = "476" // the newest server that is in Maven's central repository
	minJava      = 24    // that it needs
)

// plugins of the server that the tests need. The others are most of it.
var plugins = []string{"hive", "iceberg", "tpch"}

type javaHome struct {
	home    string
	version int
}

// findJava is the newest on the machine.
func findJava(ctx context.Context) (javaHome, error) {
	newest, err := newestJava(ctx, math.MaxInt)
	if err == nil && newest.version < minJava {
		err = missing("Trino %s needs Java %d, the newest here is %d", trinoVersion, minJava, newest.version)
	}
	return newest, err
}

// newestJava is the newest up to a version; that of version 0 is none.
func newestJava(ctx context.Context, most int) (javaHome, error) {
	homes := []string{os.Getenv("JAVA_HOME")}
	if java, err := exec.LookPath("java"); err == nil {
		if java, err = filepath.EvalSymlinks(java); err == nil {
			homes = append(homes, filepath.Dir(filepath.Dir(java)))
		}
	}
	installed, err := filepath.Glob("/usr/lib/jvm/*")
	if err != nil {
		return javaHome{}, err
	}
	var newest javaHome
	for _, home := range append(homes, installed...) {
		if home == "" {
			continue
		}
		said, err := exec.CommandContext(ctx, filepath.Join(home, "bin", "java"), "-version").CombinedOutput()
		if match := versionText.FindSubmatch(said); err == nil && match != nil {
			if n, err := strconv.Atoi(string(match[1])); err == nil && n > newest.version && n <= most {
				newest = javaHome{home, n}
			}
		}
	}
	return newest, nil
}

var versionText = regexp.MustCompile(`version "(\d+)`)

// fetchTrino unpacks the server into the cache, unless it is there.
func fetchTrino(ctx context.Context, cache string) (string, error) {
	home := filepath.Join(cache, "trino-server-"+trinoVersion+"-"+strings.Join(plugins, "-"))
	if _, err := os.Stat(home); err == nil {
		return home, nil
	}
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return "", missing("Trino is fetched by mvn, which is not here")
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	archive := filepath.Join(cache, "trino-server-"+trinoVersion+".tar.gz")
	if _, err := os.Stat(archive); err != nil {
		fmt.Println("fetching Trino", trinoVersion, "(800 MB)")
		said, err := exec.CommandContext(ctx, mvn, "--batch-mode", "--quiet", "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy",
			"-Dartifact=io.trino:trino-server:"+trinoVersion+":tar.gz", "-DoutputDirectory="+cache).CombinedOutput()
		if err != nil {
			return "", missing("mvn could not fetch Trino: %s", lastLines(string(said), 3))
		}
	}
	unpacked := home + ".unpacking"
	if err := errors.Join(os.RemoveAll(unpacked), os.MkdirAll(unpacked, 0o755)); err != nil {
		return "", err
	}
	// Plugins share files by hard links, so all have to be unpacked first.
	if said, err := exec.CommandContext(ctx, "tar", "-xzf", archive, "-C", unpacked, "--strip-components", "1").CombinedOutput(); err != nil {
		return "", fmt.Errorf("unpack Trino: %w: %s", err, lastLines(string(said), 3))
	}
	all, err := os.ReadDir(filepath.Join(unpacked, "plugin"))
	if err != nil {
		return "", err
	}
	for _, p := range all {
		if !slices.Contains(plugins, p.Name()) {
			if err := os.RemoveAll(filepath.Join(unpacked, "plugin", p.Name())); err != nil {
				return "", err
			}
		}
	}
	return home, errors.Join(os.Rename(unpacked, home), os.Remove(archive))
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "; ")
}

// process is a server that was started.
type process struct {
	port int
	stop func() error
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// startTrino starts a server of one node, and waits until it answers.
// rest is the port of an Iceberg REST catalog, 0 if there is none.
func startTrino(ctx context.Context, home string, java javaHome, dir string, database, rest int) (process, error) {
	port, err := freePort()
	if err != nil {
		return process{}, err
	}
	files := map[string]string{
		"node.properties": "node.environment=test\nnode.id=test\nnode.bind-ip=127.0.0.1\nnode.internal-address=127.0.0.1\nnode.data-dir=" + dir + "/data\n",
		"jvm.config":      "-server\n-Xmx2G\n-XX:+UseSerialGC\n-Djdk.attach.allowAttachSelf=true\n--enable-native-access=ALL-UNNAMED\n--sun-misc-unsafe-memory-access=allow\n--add-modules=jdk.incubator.vector\n",
		"log.properties":  "io.trino=WARN\n",
		"config.properties": fmt.Sprintf(`coordinator=true
node-scheduler.include-coordinator=true
http-server.http.port=%d
discovery.uri=http://127.0.0.1:%[1]d
query.max-memory=1GB
query.max-memory-per-node=1GB
memory.heap-headroom-per-node=300MB
`, port),
		"catalog/tpch.properties": "connector.name=tpch\n",
		"catalog/hive.properties": fmt.Sprintf(`connector.name=hive
hive.metastore=file
hive.metastore.catalog.dir=file://%s/hive
hive.text.max-line-length=1GB
hive.partition-projection-enabled=true
hive.ignore-absent-partitions=true
fs.hadoop.enabled=true
`, dir),
		"catalog/iceberg.properties": fmt.Sprintf(`connector.name=iceberg
iceberg.catalog.type=jdbc
iceberg.jdbc-catalog.catalog-name=trailql
iceberg.jdbc-catalog.driver-class=org.postgresql.Driver
iceberg.jdbc-catalog.connection-url=jdbc:postgresql://127.0.0.1:%[1]d/postgres
iceberg.jdbc-catalog.connection-user=trailql
iceberg.jdbc-catalog.connection-password=%[3]s
iceberg.jdbc-catalog.default-warehouse-dir=file://%[2]s/warehouse
iceberg.register-table-procedure.enabled=true
fs.hadoop.enabled=true
`, database, dir, password),
	}
	if rest != 0 {
		files["catalog/rest.properties"] = fmt.Sprintf("connector.name=iceberg\niceberg.catalog.type=rest\niceberg.rest-catalog.uri=http://127.0.0.1:%d\nfs.hadoop.enabled=true\n", rest)
	}
	for name, text := range files {
		file := filepath.Join(dir, "etc", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o600)); err != nil {
			return process{}, err
		}
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return process{}, err
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(home, "bin", "launcher"), "run", "--etc-dir", filepath.Join(dir, "etc"), "--data-dir", filepath.Join(dir, "data")) //nolint:noctx // stopped below
	cmd.Env = append(os.Environ(), "JAVA_HOME="+java.home, "PATH="+java.home+"/bin:"+os.Getenv("PATH"))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	started := time.Now()
	if err := cmd.Start(); err != nil {
		return process{}, fmt.Errorf("start Trino: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // it is killed
	}()
	hasEnded := func() bool {
		select {
		case <-ended:
			return true
		default:
			return false
		}
	}
	p := process{port: port, stop: func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it holds nothing
		<-ended
		return err
	}}
	for ctx.Err() == nil && !hasEnded() && time.Since(started) < 10*time.Minute {
		if isUp(ctx, port) {
			fmt.Printf("Trino %s on Java %d is up after %s\n", trinoVersion, java.version, time.Since(started).Round(time.Second))
			return p, nil
		}
		time.Sleep(500 * time.Millisecond)
	}
	text, _ := os.ReadFile(log.Name())
	if !hasEnded() {
		err = p.stop()
	}
	return process{}, errors.Join(err, ctx.Err(), fmt.Errorf("start Trino: it does not answer: %s", lastLines(string(text), 10)))
}

func isUp(ctx context.Context, port int) bool {
	var info struct{ Starting bool }
	text, ok := get(ctx, port, "/v1/info")
	return ok && json.Unmarshal(text, &info) == nil && !info.Starting
}
