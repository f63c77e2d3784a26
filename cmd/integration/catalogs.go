package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// startCatalogs starts the shared catalogs beside PostgreSQL: what is missing is
// said in a line, and the others start. env says where they are.
func startCatalogs(ctx context.Context, cache, dir string, database int, require bool) (env []string, stop func() error, restPort int, err error) {
	var started []process
	stop = func() error {
		var err error
		for _, p := range started {
			err = errors.Join(err, p.stop())
		}
		return err
	}
	for _, c := range []struct {
		variable, address string
		start             func() (process, error)
	}{
		{"TRAILQL_TEST_REST", "rest+http://127.0.0.1:%d", func() (process, error) { return startREST(ctx, cache, dir, database) }},
		{"TRAILQL_TEST_GLUE", "http://127.0.0.1:%d", func() (process, error) { return startGlue(ctx, dir) }},
	} {
		p, err := c.start()
		var gone missingError
		if errors.As(err, &gone) && !require {
			fmt.Printf("skipped: %s\n", err)
			continue
		}
		if err != nil {
			return nil, nil, 0, errors.Join(err, stop())
		}
		started = append(started, p)
		env = append(env, fmt.Sprintf(c.variable+"="+c.address, p.port))
		if c.variable == "TRAILQL_TEST_REST" {
			restPort = p.port
		}
	}
	return env, stop, restPort, nil
}

// icebergREST is the server that Apache Iceberg tests its own clients with, and
// what it needs at run time. It keeps its tables in PostgreSQL.
const (
	icebergVersion = "1.10.1"
	minRESTJava    = 11
	maxRESTJava    = 23 // Hadoop, which reads the files, goes by a part of Java that newer ones have not
	icebergREST    = `<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion><groupId>trailql</groupId><artifactId>integration</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>
<dependency><groupId>org.apache.iceberg</groupId><artifactId>iceberg-open-api</artifactId><version>` + icebergVersion + `</version><classifier>test-fixtures</classifier></dependency>
<dependency><groupId>org.apache.iceberg</groupId><artifactId>iceberg-core</artifactId><version>` + icebergVersion + `</version></dependency>
<dependency><groupId>org.apache.iceberg</groupId><artifactId>iceberg-core</artifactId><version>` + icebergVersion + `</version><classifier>tests</classifier></dependency>
<dependency><groupId>org.eclipse.jetty</groupId><artifactId>jetty-servlet</artifactId><version>11.0.26</version></dependency>
<dependency><groupId>org.postgresql</groupId><artifactId>postgresql</artifactId><version>42.7.7</version></dependency>
<dependency><groupId>org.apache.hadoop</groupId><artifactId>hadoop-client-api</artifactId><version>3.4.2</version></dependency>
<dependency><groupId>org.apache.hadoop</groupId><artifactId>hadoop-client-runtime</artifactId><version>3.4.2</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>2.0.17</version></dependency>
</dependencies></project>
`
)

// fetchREST gets the server's libraries into the cache, unless they are there.
func fetchREST(ctx context.Context, cache string) (string, error) {
	home := filepath.Join(cache, "iceberg-rest-"+icebergVersion)
	if _, err := os.Stat(home); err == nil {
		return home, nil
	}
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return "", missing("the REST catalog is fetched by mvn, which is not here")
	}
	fetching := home + ".fetching"
	pom := filepath.Join(fetching, "pom.xml")
	if err := errors.Join(os.RemoveAll(fetching), os.MkdirAll(fetching, 0o755), os.WriteFile(pom, []byte(icebergREST), 0o600)); err != nil {
		return "", err
	}
	fmt.Println("fetching Apache Iceberg's REST catalog", icebergVersion, "(80 MB)")
	said, err := exec.CommandContext(ctx, mvn, "--batch-mode", "--quiet", "--file", pom,
		"org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies", "-DoutputDirectory="+fetching).CombinedOutput()
	if err != nil {
		return "", missing("mvn could not fetch the REST catalog: %s", lastLines(string(said), 3))
	}
	return home, os.Rename(fetching, home)
}

func startREST(ctx context.Context, cache, dir string, database int) (process, error) {
	java, err := newestJava(ctx, maxRESTJava)
	if err != nil {
		return process{}, err
	}
	if java.version < minRESTJava {
		return process{}, missing("the REST catalog needs a Java from %d to %d, which is not here", minRESTJava, maxRESTJava)
	}
	home, err := fetchREST(ctx, cache)
	if err != nil {
		return process{}, err
	}
	port, err := freePort()
	if err != nil {
		return process{}, err
	}
	cmd := exec.Command(filepath.Join(java.home, "bin", "java"), "-Xmx256m", "-XX:+UseSerialGC", "-cp", filepath.Join(home, "*"), "org.apache.iceberg.rest.RESTCatalogServer") //nolint:noctx // stopped below
	cmd.Env = append(os.Environ(), fmt.Sprintf("CATALOG_REST_PORT=%d", port), "CATALOG_WAREHOUSE=file://"+dir+"/rest",
		fmt.Sprintf("CATALOG_URI=jdbc:postgresql://127.0.0.1:%d/postgres", database), "CATALOG_JDBC_USER=trailql", "CATALOG_JDBC_PASSWORD="+password)
	return startServer(ctx, "the REST catalog", cmd, filepath.Join(dir, "rest.log"), port, "/v1/config")
}

// startGlue starts moto, which $TRAILQL_TEST_MOTO names.
func startGlue(ctx context.Context, dir string) (process, error) {
	moto := os.Getenv("TRAILQL_TEST_MOTO")
	if _, err := os.Stat(moto); moto == "" || err != nil {
		return process{}, missing("Glue, because there is no moto in $TRAILQL_TEST_MOTO")
	}
	port, err := freePort()
	if err != nil {
		return process{}, err
	}
	cmd := exec.Command(moto, "-H", "127.0.0.1", "-p", fmt.Sprint(port)) //nolint:noctx // stopped below
	return startServer(ctx, "moto", cmd, filepath.Join(dir, "moto.log"), port, "/moto-api/")
}

// startServer starts a server and waits until it answers at path.
func startServer(ctx context.Context, name string, cmd *exec.Cmd, logName string, port int, path string) (process, error) {
	log, err := os.Create(logName)
	if err != nil {
		return process{}, err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return process{}, fmt.Errorf("start %s: %w", name, err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // it is killed
	}()
	stop := func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it holds nothing
		<-ended
		if errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("%s has ended by itself", name)
		}
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	for {
		select {
		case <-ended:
			text, _ := os.ReadFile(logName)
			return process{}, fmt.Errorf("start %s: it has ended: %s", name, lastLines(string(text), 10))
		case <-waiting.Done():
			text, _ := os.ReadFile(logName)
			return process{}, errors.Join(fmt.Errorf("start %s: %w: %s", name, waiting.Err(), lastLines(string(text), 10)), stop())
		case <-time.After(200 * time.Millisecond):
			if answers(waiting, port, path) {
				return process{port: port, stop: stop}, nil
			}
		}
	}
}

func answers(ctx context.Context, port int, path string) bool {
	_, ok := get(ctx, port, path)
	return ok
}

// get asks a server on this machine; ok is false for any answer but 200.
func get(ctx context.Context, port int, path string) (body []byte, ok bool) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s", port, path), nil)
	if err != nil {
		return nil, false
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, false
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(answer.Body)
	return body, err == nil && answer.StatusCode == http.StatusOK
}
