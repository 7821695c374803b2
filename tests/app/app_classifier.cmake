# cmake -DHILUM=... -DXVFB=... -DHERE=... -DOUT=... -P app_classifier.cmake: a classifier from a model and labelled films, in the real window (stopped and resumed on
# the way), and by command line, killed and resumed: the same numbers as a run that nobody stopped.
include("${CMAKE_CURRENT_LIST_DIR}/programs.cmake")
begin()
set(films "${OUT}/films")
set(model "${OUT}/model")
program(HILUM demo-data "${films}" --films 60 --preset tiny --seed 4)
program(HILUM train --method spcxr --preset tiny --data "${films}" --out "${model}" --set steps=20 --set held_out_fraction=0.4)

play(classifier "${OUT}/window" "the window's script failed" "MODEL=${model}" "DATA=${films}")

set(asked finetune --mode full --label finding_labels --positive nodule consolidation effusion pneumothorax cardiomegaly --model "${model}" --data "${films}" --compare-untrained
    --set epochs=8 --set batch=4 --threads 1)
program(HILUM ${asked} --out "${OUT}/whole" SAYS "gain of pre-training")
# the worker is killed as soon as it has taken some steps; the command says so and the run goes on
execute_process(COMMAND bash -c "\"\$@\" & id=$!; for i in $(seq 6000); do grep -qs '\"own_step\":9,' \"${OUT}/killed/events.jsonl\" && break; sleep 0.1; done
    pkill -9 -f -- \"finetune --run ${OUT}/killed \"; wait $id" -- "${HILUM}" ${asked} --out "${OUT}/killed" RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE err)
if(code EQUAL 0 OR NOT "${err}" MATCHES "killed \\(signal 9\\)")
    message(FATAL_ERROR "a killed worker: ${code}\n${out}${err}")
endif()
program(HILUM ${asked} --out "${OUT}/killed" CODE 2 SAYS "holds a run already; go on with --resume")
program(HILUM finetune --resume --out "${OUT}/killed" SAYS "gain of pre-training")
file(READ "${OUT}/whole/predictions.csv" whole)
file(READ "${OUT}/killed/predictions.csv" killed)
if(NOT whole STREQUAL killed)
    message(FATAL_ERROR "a run that was killed and resumed predicts other numbers")
endif()
program(HILUM finetune --resume --out "${OUT}/killed" CODE 2 SAYS "holds a run already; choose another folder")
program(HILUM train --resume --out "${OUT}/whole" CODE 2 SAYS "holds a classifier")
program(HILUM train --job "${OUT}/whole/job.json" --out "${OUT}/nothing" CODE 2 SAYS "is the job of a classifier")
program(HILUM finetune --job "${model}/job.json" --out "${OUT}/nothing" CODE 2 SAYS "is the job of a pre-training")
program(HILUM finetune --job "${OUT}/whole/job.json" --out "${OUT}/again" SAYS "gain of pre-training")
file(READ "${OUT}/again/predictions.csv" again)
if(NOT whole STREQUAL again)
    message(FATAL_ERROR "a classifier's job file that is run again predicts other numbers")
endif()
program(HILUM finetune --resume --out "${OUT}/nothing" CODE 3 SAYS "there is nothing to resume")
program(HILUM finetune --out "${OUT}/nothing" CODE 2 SAYS "needs --model, --data and --label")
program(HILUM finetune --mode full --set epochs=0 --set batches=3 --label finding_labels --model "${model}" --data "${films}" --out "${OUT}/nothing" CODE 14 SAYS "epochs = 0 is outside.*unknown option batches")
