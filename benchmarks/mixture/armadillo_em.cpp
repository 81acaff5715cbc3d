// EM with Armadillo from a given start: armadillo_em FAMILY K ITERATIONS FOLDER
// Reads FOLDER/samples (n x 3 doubles) and FOLDER/start (weights, means, covariances), writes FOLDER/result in the same
// order, and prints the seconds that learning took, and Armadillo's version.
#include <armadillo>
#include <chrono>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

static std::vector<double> read(const std::string &path) {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    std::vector<double> values(file.tellg() / sizeof(double));
    file.seekg(0);
    file.read(reinterpret_cast<char *>(values.data()), values.size() * sizeof(double));
    return values;
}

template <typename Model, typename Covariances>
static void run(arma::mat &samples, arma::mat &means, Covariances &covariances, arma::rowvec &weights, int iterations,
                const std::string &folder) {
    Model model;
    model.set_params(means, covariances, weights);
    auto start = std::chrono::steady_clock::now();
    model.learn(samples, weights.n_elem, arma::eucl_dist, arma::keep_existing, 0, iterations, 1e-10, false);
    std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::cout << seconds.count() << ' ' << arma::arma_version::major << '.' << arma::arma_version::minor << '.'
              << arma::arma_version::patch << std::endl;
    std::ofstream file(folder + "/result", std::ios::binary);
    auto write = [&](const auto &values) {
        file.write(reinterpret_cast<const char *>(values.memptr()), values.n_elem * sizeof(double));
    };
    write(model.hefts);
    write(model.means);
    if constexpr (std::is_same_v<Model, arma::gmm_diag>)
        write(model.dcovs);
    else
        write(model.fcovs);
}

int main(int, char **argv) {
    const std::string family = argv[1], folder = argv[4];
    const int k = std::stoi(argv[2]), iterations = std::stoi(argv[3]);
    auto values = read(folder + "/samples"), start = read(folder + "/start");
    arma::mat samples(values.data(), 3, values.size() / 3);
    arma::rowvec weights(start.data(), k);
    arma::mat means(start.data() + k, 3, k);
    if (family == "diag") {
        arma::mat covariances(start.data() + 4 * k, 3, k);
        run<arma::gmm_diag>(samples, means, covariances, weights, iterations, folder);
    } else {
        arma::cube covariances(start.data() + 4 * k, 3, 3, k);
        run<arma::gmm_full>(samples, means, covariances, weights, iterations, folder);
    }
}
